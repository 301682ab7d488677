#pragma once
// Walks a [rows, cols] matrix in strips of columns so that a strip's per-column values stay in the
// first-level cache. Narrow matrices are taken several rows at a time, as one wider row: the
// strip's lane j then belongs to column (first column + j) % cols.

#include <cstdint>

namespace trireme::cpu::TRIREME_LEVEL {

constexpr int64_t kStrip = 256;

struct Strip {
  int64_t offset;  // of lane 0 in its first row
  int64_t rows, stride;
  int64_t column, width;  // width <= kStrip
};

// Calls visit(strip) for every strip, in a fixed order.
template <class Visit>
static inline void for_strips(int64_t rows, int64_t cols, Visit visit) {
  if (rows == 0 || cols == 0) return;
  const int64_t group = cols < 64 ? kStrip / 2 / cols : 1;
  const int64_t wide = rows / group, width = group * cols;
  for (int64_t c = 0; wide > 0 && c < width; c += kStrip) {
    const int64_t rest = width - c;
    visit(Strip{c, wide, width, c, rest < kStrip ? rest : kStrip});
  }
  const int64_t left = rows - wide * group;
  if (left > 0) visit(Strip{wide * width, 1, left * cols, 0, left * cols});
}

// lanes[j] = values[column of lane j].
static inline void spread(const Strip& strip, int64_t cols, const float* values, float* lanes) {
  int64_t c = strip.column;
  for (int64_t j = 0; j < strip.width; ++j) {
    lanes[j] = values[c];
    c = c + 1 == cols ? 0 : c + 1;
  }
}

// sums[column of lane j] += lanes[j], in ascending j.
static inline void gather(const Strip& strip, int64_t cols, const double* lanes, double* sums) {
  int64_t c = strip.column;
  for (int64_t j = 0; j < strip.width; ++j) {
    sums[c] += lanes[j];
    c = c + 1 == cols ? 0 : c + 1;
  }
}

}  // namespace trireme::cpu::TRIREME_LEVEL
