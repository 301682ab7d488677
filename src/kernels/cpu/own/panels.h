#pragma once
// Panels: the right-hand sides of own/tile.h, padded to whole vectors. A matrix of `columns` columns is
// cut into panels of two vectors, the last one of one vector when that suffices; each is `depth` rows of
// its width, and they follow each other.

#include "kernels/cpu/own/kernels.h"
#include "kernels/cpu/own/tile.h"

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

// Calls run(vector) with the vector type for so many columns: narrow matrices waste less in eight lanes.
template <class Run>
static inline auto with_vector(int64_t columns, Run run) {
  return columns <= kVector ? run(Float8{}) : run(Wide{});
}

// The activations that tiles do not apply.
static inline void finish_activation(Activation kind, float alpha, int64_t n, float* y) {
  if (kind != Activation::none && kind != Activation::relu)
    activation_forward(nullptr, kind, alpha, n, y, y);
}

// panel[k][j] = rows[j][k] for j < count, else 0; by whole cache lines of the rows.
static inline void transpose_panel(const float* rows, int64_t stride, int64_t count, int64_t depth,
                                   float* panel, int64_t width) {
  constexpr int64_t kLine = 16;
  for (int64_t first = 0; first < depth; first += kLine) {
    const int64_t end = depth - first < kLine ? depth : first + kLine;
    for (int64_t j = 0; j < width; ++j) {
      for (int64_t k = first; k < end; ++k) panel[k * width + j] = j < count ? rows[j * stride + k] : 0.0f;
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
