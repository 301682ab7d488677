#pragma once
// Panels: the right-hand sides of own/tile.h, padded to whole vectors. A matrix of `columns`
// columns is cut into panels of two vectors, the last one of one vector when that suffices; each is
// `depth` rows of its width, and they follow each other.

#include "kernels/cpu/own/kernels.h"
#include "kernels/cpu/own/tile.h"
#include "kernels/cpu/own_plans.h"

namespace trireme::cpu::TRIREME_LEVEL {

template <class Vector>
static inline int64_t padded(int64_t columns) {
  return (columns + kLanes<Vector> - 1) / kLanes<Vector> * kLanes<Vector>;
}

// visit(first column, columns of it that exist, width); in order.
template <class Vector, class Visit>
static inline void for_panels(int64_t columns, Visit visit) {
  for (int64_t first = 0; first < columns; first += 2 * kLanes<Vector>) {
    const int64_t left = columns - first;
    const int64_t count = left < 2 * kLanes<Vector> ? left : 2 * kLanes<Vector>;
    visit(first, count, padded<Vector>(count));
  }
}

// The panels of a share alone.
template <class Vector, class Visit>
static inline void for_panels(int64_t columns, const Share& share, Visit visit) {
  for_panels<Vector>(columns, [&](int64_t first, int64_t count, int64_t width) {
    if (share.has(first / (2 * kLanes<Vector>))) visit(first, count, width);
  });
}

// Calls run(vector) with the vector type for so many columns: narrow matrices waste less in eight
// lanes.
template <class Run>
static inline auto with_vector(int64_t columns, Run run) {
  return columns <= kVector ? run(Float8{}) : run(Wide{});
}

// The activations that tiles do not apply.
static inline void finish_activation(Activation kind, float alpha, int64_t n, float* y) {
  if (kind != Activation::none && kind != Activation::relu)
    activation_forward(nullptr, kind, alpha, n, y, y);
}

// to[k][j] = from[j][k], eight by eight: by pairs of rows, by pairs of pairs, by halves.
static inline void transpose_eight(const float* from, int64_t from_stride, float* to,
                                   int64_t to_stride) {
  Float8 r[8], pairs[8], fours[8];
  for (int64_t j = 0; j < 8; ++j) r[j] = load<Float8>(from + j * from_stride);
  for (int64_t j = 0; j < 8; j += 2) {
    pairs[j] = __builtin_shufflevector(r[j], r[j + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pairs[j + 1] = __builtin_shufflevector(r[j], r[j + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int64_t j = 0; j < 8; j += 4) {
    for (int64_t i = 0; i < 2; ++i) {
      const Float8 a = pairs[j + i], b = pairs[j + i + 2];
      fours[j + 2 * i] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
      fours[j + 2 * i + 1] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int64_t j = 0; j < 4; ++j) {
    const Float8 a = fours[j], b = fours[j + 4];
    store(to + j * to_stride, __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11));
    store(to + (j + 4) * to_stride, __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15));
  }
}

// panel[k][j] = rows[j][k] for j < count, else 0; by whole cache lines of eight rows.
static inline void transpose_panel(const float* rows, int64_t stride, int64_t count, int64_t depth,
                                   float* panel, int64_t width) {
  constexpr int64_t kLine = 16;
  for (int64_t first = 0; first < depth; first += kLine) {
    const int64_t end = depth - first < kLine ? depth : first + kLine;
    for (int64_t j = 0; j < width; j += 8) {
      int64_t k = first;
      for (; j + 8 <= count && k + 8 <= end; k += 8)
        transpose_eight(rows + j * stride + k, stride, panel + k * width + j, width);
      for (; k < end; ++k) {
        for (int64_t i = j; i < j + 8; ++i)
          panel[k * width + i] = i < count ? rows[i * stride + k] : 0.0f;
      }
    }
  }
}

// panel[k][j] = rows[k][j] for j < count, else 0.
static inline void copy_panel(const float* rows, int64_t stride, int64_t count, int64_t depth,
                              float* panel, int64_t width) {
  for (int64_t k = 0; k < depth; ++k, rows += stride, panel += width) {
    for (int64_t j = 0; j < width; ++j) panel[j] = j < count ? rows[j] : 0.0f;
  }
}

}  // namespace trireme::cpu::TRIREME_LEVEL
