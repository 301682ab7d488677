#pragma once
// C = act(A B^T + bias) with A [m,k] and B [n,k] as they are stored: dot products, some rows of A
// against four of B at a time, in the lanes of one vector each, whose sums are added up at the end.
// Worth it where k is long; nothing is packed then. An element's bits depend on its row of A and
// its row of B alone.

#include "kernels/cpu/own/tile.h"

namespace trireme::cpu::TRIREME_LEVEL {

constexpr int64_t kDotColumns = 4;
#ifdef __AVX512F__
constexpr int64_t kDotRows = 6;  // 24 sums of 32 registers
#else
constexpr int64_t kDotRows = 2;  // 8 of 16
#endif

static inline Float8 halves(Float8 v) { return v; }
#ifdef __AVX512F__
static inline Float8 halves(Wide v) {
  return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
         __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
}
#endif

// to[i] = the sum of the lanes of sums[i].
static inline void add_lanes(const Wide (&sums)[kDotColumns], float (&to)[kDotColumns]) {
  const Float8 a = halves(sums[0]), b = halves(sums[1]), c = halves(sums[2]), d = halves(sums[3]);
  const Float8 ab = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14) +
                    __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  const Float8 cd = __builtin_shufflevector(c, d, 0, 8, 2, 10, 4, 12, 6, 14) +
                    __builtin_shufflevector(c, d, 1, 9, 3, 11, 5, 13, 7, 15);
  const Float8 fours = __builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) +
                       __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
  for (int64_t i = 0; i < kDotColumns; ++i) to[i] = fours[i] + fours[4 + i];
}

struct Dots {
  const float* a[kDotRows];     // by row
  const float* b[kDotColumns];  // the last again where there are fewer
  int64_t depth;
  float* c[kDotRows];
  int64_t columns;    // that exist
  const float* bias;  // or null
  bool add, relu;
};

template <int kRows>
static void multiply_dots(const Dots& t) {
  constexpr int64_t kWidth = kLanes<Wide>;
  Wide sums[kRows][kDotColumns] = {};
  int64_t k = 0;
  const auto step = [&](auto loaded) {
    Wide b[kDotColumns];
#pragma GCC unroll 4
    for (int64_t j = 0; j < kDotColumns; ++j) b[j] = loaded(t.b[j] + k);
#pragma GCC unroll 6
    for (int64_t r = 0; r < kRows; ++r) {
      const Wide a = loaded(t.a[r] + k);
#pragma GCC unroll 4
      for (int64_t j = 0; j < kDotColumns; ++j) sums[r][j] = fused(a, b[j], sums[r][j]);
    }
  };
  for (; k + kWidth <= t.depth; k += kWidth) step([](const float* p) { return load<Wide>(p); });
  if (k < t.depth) step([&](const float* p) { return load_part<Wide>(p, t.depth - k); });
  for (int64_t r = 0; r < kRows; ++r) {
    float row[kDotColumns];
    add_lanes(sums[r], row);
    float* const c = t.c[r];
    for (int64_t j = 0; j < t.columns; ++j) {
      float v = row[j] + (t.bias ? t.bias[j] : 0.0f);
      if (t.add) v += c[j];
      c[j] = t.relu && v < 0.0f ? 0.0f : v;
    }
  }
}

}  // namespace trireme::cpu::TRIREME_LEVEL
