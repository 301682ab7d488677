#include "kernels/cpu/own/columns.h"
#include "kernels/cpu/own/kernels.h"
#include "kernels/cpu/own/math.h"
#include "kernels/cpu/own/sums.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

void strip_sums(const Strip& s, const float* x, double* acc) {
  for (int64_t j = 0; j < s.width; ++j) acc[j] = 0;
  const float* row = x + s.offset;
  int64_t r = 0;
  for (; r + 4 <= s.rows; r += 4, row += 4 * s.stride) {
    for (int64_t j = 0; j < s.width; ++j) {
      const double a = row[j], b = row[s.stride + j];
      const double c = row[2 * s.stride + j], d = row[3 * s.stride + j];
      acc[j] += (a + b) + (c + d);
    }
  }
  for (; r < s.rows; ++r, row += s.stride) {
    for (int64_t j = 0; j < s.width; ++j) acc[j] += static_cast<double>(row[j]);
  }
}

inline void put(float* y, float value, Write write) {
  *y = write == Write::add ? *y + value : value;
}

}  // namespace

// One core adds in place.
size_t reduction_scratch(int64_t, int64_t) noexcept { return 0; }

// Sums in fp64. A strip of a narrow matrix holds every column, so its columns are finished by
// adding the lanes of one column; what remains of an odd row count is a last strip of its own.
Status column_sum(Stream*, int64_t rows, int64_t cols, const float* x, float* y, Write write,
                  void*) noexcept {
  double acc[kStrip], sums[kStrip];
  if (cols < 64) {
    for (int64_t c = 0; c < cols; ++c) sums[c] = 0;
    for_strips(rows, cols, [&](const Strip& s) {
      strip_sums(s, x, acc);
      gather(s, cols, acc, sums);
    });
    for (int64_t c = 0; c < cols; ++c) put(y + c, static_cast<float>(sums[c]), write);
    return Status::ok;
  }
  if (rows == 0 && write == Write::set) return fill(nullptr, cols, 0.0f, y);
  for_strips(rows, cols, [&](const Strip& s) {
    strip_sums(s, x, acc);
    for (int64_t j = 0; j < s.width; ++j) {
      put(y + s.column + j, static_cast<float>(acc[j]), write);
    }
  });
  return Status::ok;
}

Status copy_columns(Stream*, int64_t rows, int64_t cols, const float* src, int64_t src_stride,
                    float* dst, int64_t dst_stride, Write write) noexcept {
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = src + r * src_stride;
    float* to = dst + r * dst_stride;
    if (write == Write::add) {
      accumulate(nullptr, cols, from, to);
    } else {
      copy(nullptr, cols, from, to);
    }
  }
  return Status::ok;
}

// In tiles of 16 x 16, which are read and written by whole cache lines.
Status transpose_samples(Stream*, int64_t n, int64_t rows, int64_t cols, const float* x, float* y,
                         Write write) noexcept {
  constexpr int64_t kTile = 16;
  for (int64_t i = 0; i < n; ++i, x += rows * cols, y += rows * cols) {
    for (int64_t r0 = 0; r0 < rows; r0 += kTile) {
      const int64_t r1 = r0 + kTile < rows ? r0 + kTile : rows;
      for (int64_t c0 = 0; c0 < cols; c0 += kTile) {
        const int64_t c1 = c0 + kTile < cols ? c0 + kTile : cols;
        for (int64_t c = c0; c < c1; ++c) {
          for (int64_t r = r0; r < r1; ++r) put(y + c * rows + r, x[r * cols + c], write);
        }
      }
    }
  }
  return Status::ok;
}

Status softmax_forward(Stream*, int64_t rows, int64_t cols, const float* x, float* y) noexcept {
  if (cols == 0) return Status::ok;
  for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
    const float top = row_maximum(cols, x);
#pragma GCC ivdep
    for (int64_t c = 0; c < cols; ++c) y[c] = exp_of(x[c] - top);
    const float factor = 1.0f / sum_terms<float>(cols, [&](int64_t c) { return y[c]; });
    for (int64_t c = 0; c < cols; ++c) y[c] *= factor;
  }
  return Status::ok;
}

// dx (+)= y (dy - sum over the row of y dy).
Status softmax_backward(Stream*, int64_t rows, int64_t cols, const float* y, const float* dy,
                        float* dx, Write write) noexcept {
  for (int64_t r = 0; r < rows; ++r, y += cols, dy += cols, dx += cols) {
    const float dot = sum_terms<float>(cols, [&](int64_t c) { return y[c] * dy[c]; });
    if (write == Write::add) {
#pragma GCC ivdep
      for (int64_t c = 0; c < cols; ++c) dx[c] += y[c] * (dy[c] - dot);
    } else {
#pragma GCC ivdep
      for (int64_t c = 0; c < cols; ++c) dx[c] = y[c] * (dy[c] - dot);
    }
  }
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
