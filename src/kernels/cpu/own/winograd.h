#pragma once
// Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray, "Fast algorithms for convolutional
// neural networks", 2016): 4 x 4 pixels of y from 6 x 6 of x with 36 products a pair of channels
// where a direct sum takes 144,
//
//   y = A^T [ (G w G^T) o (B^T x B) ] A        dw = G^T [ (A dy A^T) o (B^T x B) ] G
//
// each transform being one of a row or column, twice. The points of interpolation are 0, +-5/8,
// +-3/2 and infinity: the entries of A and B are exact, and the error is half that of the usual
// 0, +-1, +-2 (Barabasz, Anderson, Soodhalter and Gregg, "Error analysis and improving the accuracy
// of Winograd convolution for deep neural networks", 2020, on the choice), some three times that of
// a direct sum. A value that is not finite spreads over its tile.

#include "kernels/cpu/own/panels.h"
#include "kernels/cpu/own_plans.h"

namespace trireme::cpu::TRIREME_LEVEL::winograd {

constexpr int64_t kOut = 4, kIn = 6;  // pixels of a tile's row in y and in x
constexpr int64_t kPoints = kIn * kIn;
constexpr int64_t kWidth = kLanes<Wide>;  // channels that are worked on together

constexpr float kA = 0.625f, kB = 1.5f;
constexpr float kA2 = kA * kA, kB2 = kB * kB;
constexpr float kSquares = kA2 + kB2, kProduct = kA2 * kB2;
// G's rows are (1, p, p^2) over the products of the distances of a point p to the others.
constexpr double kG0 = 1.0 / static_cast<double>(kProduct);
constexpr double kGA = 0.5 / (static_cast<double>(kA2) * static_cast<double>(kA2 - kB2));
constexpr double kGB = 0.5 / (static_cast<double>(kB2) * static_cast<double>(kB2 - kA2));

static inline Wide wide(float v) { return spread(v, static_cast<Wide*>(nullptr)); }
static inline Wide fused(float a, Wide b, Wide c) { return TRIREME_LEVEL::fused(wide(a), b, c); }

// B^T x
static inline void of_input(const Wide (&x)[kIn], Wide (&t)[kIn]) {
  t[0] = fused(-kSquares, x[2], fused(kProduct, x[0], x[4]));
  const Wide even_a = fused(-kB2, x[2], x[4]), odd_a = fused(-kB2, x[1], x[3]);
  t[1] = fused(kA, odd_a, even_a);
  t[2] = fused(-kA, odd_a, even_a);
  const Wide even_b = fused(-kA2, x[2], x[4]), odd_b = fused(-kA2, x[1], x[3]);
  t[3] = fused(kB, odd_b, even_b);
  t[4] = fused(-kB, odd_b, even_b);
  t[5] = fused(-kSquares, x[3], fused(kProduct, x[1], x[5]));
}

// A^T m
static inline void of_products(const Wide (&m)[kIn], Wide (&y)[kOut]) {
  const Wide sum_a = m[1] + m[2], sum_b = m[3] + m[4];
  const Wide odd_a = m[1] - m[2], odd_b = m[3] - m[4];
  y[0] = m[0] + (sum_a + sum_b);
  y[1] = fused(kA, odd_a, wide(kB) * odd_b);
  y[2] = fused(kA2, sum_a, wide(kB2) * sum_b);
  y[3] = fused(kA2 * kA, odd_a, fused(kB2 * kB, odd_b, m[5]));
}

// A dy
static inline void of_gradient(const Wide (&y)[kOut], Wide (&t)[kIn]) {
  t[0] = y[0];
  const Wide even_a = fused(kA2, y[2], y[0]), odd_a = fused(kA2, y[3], y[1]);
  t[1] = fused(kA, odd_a, even_a);
  t[2] = fused(-kA, odd_a, even_a);
  const Wide even_b = fused(kB2, y[2], y[0]), odd_b = fused(kB2, y[3], y[1]);
  t[3] = fused(kB, odd_b, even_b);
  t[4] = fused(-kB, odd_b, even_b);
  t[5] = y[3];
}

// G w
static inline void of_kernel(const Wide (&w)[3], Wide (&u)[kIn]) {
  constexpr float kScaleA = static_cast<float>(kGA), kScaleB = static_cast<float>(kGB);
  u[0] = wide(static_cast<float>(kG0)) * w[0];
  const Wide even_a = wide(kScaleA) * fused(kA2, w[2], w[0]), odd_a = wide(kScaleA * kA) * w[1];
  u[1] = even_a + odd_a;
  u[2] = even_a - odd_a;
  const Wide even_b = wide(kScaleB) * fused(kB2, w[2], w[0]), odd_b = wide(kScaleB * kB) * w[1];
  u[3] = even_b + odd_b;
  u[4] = even_b - odd_b;
  u[5] = w[2];
}

// G^T u
static inline void of_kernel_gradient(const Wide (&u)[kIn], Wide (&w)[3]) {
  constexpr float kScaleA = static_cast<float>(kGA), kScaleB = static_cast<float>(kGB);
  const Wide even_a = wide(kScaleA) * (u[1] + u[2]), even_b = wide(kScaleB) * (u[3] + u[4]);
  w[0] = fused(static_cast<float>(kG0), u[0], even_a + even_b);
  w[1] = fused(kScaleA * kA, u[1] - u[2], wide(kScaleB * kB) * (u[3] - u[4]));
  w[2] = fused(kA2, even_a, fused(kB2, even_b, u[5]));
}

// Asks for memory that will be read or written next while products keep the core busy: without it
// the transforms would wait for memory, and the products after them leave it idle.
class Ahead {
 public:
  // Floats [first, end) after `base`, in as many parts as there are points.
  Ahead(const float* base, int64_t first, int64_t end)
      : at_(base + first), end_(base + end), part_(((end - first) / kPoints / kLine + 1) * kLine) {}
  void fetch() {
    for (const float* const stop = end_ - at_ < part_ ? end_ : at_ + part_; at_ < stop;
         at_ += kLine)
      __builtin_prefetch(at_, 0, 2);
  }

 private:
  static constexpr int64_t kLine = 16;
  const float* at_;
  const float* end_;
  int64_t part_;
};

// Images cut into tiles: y in tiles of 4 x 4, which see 6 x 6 of x. Tiles are numbered by images,
// rows and columns; those at the lower and right ends may reach past y.
struct Grid {
  Grid(int64_t images, int64_t height, int64_t width, int64_t y_height, int64_t y_width,
       int64_t top, int64_t left)
      : n(images),
        h(height),
        w(width),
        out_h(y_height),
        out_w(y_width),
        pad_h(top),
        pad_w(left),
        rows((out_h + kOut - 1) / kOut),
        columns((out_w + kOut - 1) / kOut) {}
  int64_t tiles() const { return n * rows * columns; }
  // The rows of x, or of y, between those with which the lines of tiles of `first` and of `end`
  // begin, both shifted within their images.
  Ahead rows_of_x(const float* x, int64_t channels, int64_t first, int64_t end,
                  int64_t shift) const {
    return {x, row(first, h, shift) * w * channels, row(end, h, shift) * w * channels};
  }
  Ahead rows_of_y(const float* y, int64_t channels, int64_t first, int64_t end) const {
    return {y, row(first, out_h, 0) * out_w * channels, row(end, out_h, 0) * out_w * channels};
  }
  int64_t n, h, w, out_h, out_w, pad_h, pad_w;
  int64_t rows, columns;  // of tiles in an image

 private:
  int64_t row(int64_t tile, int64_t height, int64_t shift) const {
    const int64_t line = tile / columns, row = line % rows * kOut + shift;
    return line / rows * height + (row < 0 ? 0 : row < height ? row : height);
  }
};

// Where a tile lies: the first of its pixels of y, and how many of 4 x 4 there are.
struct Place {
  int64_t image, row, column, rows, columns;
  int64_t number;  // from the first tile that is visited
  bool whole() const { return rows == kOut && columns == kOut; }
  // That pixel of images of y, or of its gradient, with so many channels.
  int64_t offset(const Grid& g, int64_t channels) const {
    return ((image * g.out_h + row) * g.out_w + column) * channels;
  }
};

// Visits tiles [first, end) in order.
template <class Visit>
static inline void for_tiles(const Grid& g, int64_t first, int64_t end, Visit visit) {
  int64_t column = first % g.columns, line = first / g.columns;
  for (int64_t tile = first; tile < end; ++tile) {
    const int64_t y = line % g.rows * kOut, x = column * kOut;
    visit(Place{line / g.rows, y, x, g.out_h - y < kOut ? g.out_h - y : kOut,
                g.out_w - x < kOut ? g.out_w - x : kOut, tile - first});
    if (++column == g.columns) {
      column = 0;
      ++line;
    }
  }
}

// c (+)= a b for kRows rows of c and kVectors vectors of its columns, k ascending: own/tile.h
// without what a convolution here does not ask for. Rows of a are a_stride apart and k is
// contiguous, or with kColumns the other way round.
template <bool kColumns, int kRows, int kVectors, bool kAdd>
static void multiply_block(int64_t depth, const float* a, int64_t a_stride, const float* b,
                           int64_t b_step, float* c, int64_t c_stride) {
  // Rows that one address reaches.
  constexpr int kStep = kRows % 3 == 0 ? 3 : kRows % 4 == 0 ? 4 : kRows;
  Wide sums[kRows][kVectors] = {};
  for (int64_t k = 0; k < depth; ++k, a += kColumns ? a_stride : 1, b += b_step) {
    Wide right[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) right[v] = load<Wide>(b + v * kWidth);
    const float* row = a;
#pragma GCC unroll 16
    for (int r = 0; r < kRows; r += kStep, row += kColumns ? kStep : kStep * a_stride) {
#pragma GCC unroll 4
      for (int i = 0; i < kStep; ++i) {
        const Wide left = wide(row[kColumns ? i : i * a_stride]);
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v)
          sums[r + i][v] = TRIREME_LEVEL::fused(left, right[v], sums[r + i][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r, c += c_stride) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      float* const to = c + v * kWidth;
      store(to, kAdd ? load<Wide>(to) + sums[r][v] : sums[r][v]);
    }
  }
}

// Rows of a block where whole ones would reach far past the last tile.
constexpr int kFewRows = kMostRows2 / 3;

// Whole blocks of rows of own/tile.h.
static inline int64_t whole_blocks(int64_t tiles) {
  return (tiles + kMostRows2 - 1) / kMostRows2 * kMostRows2;
}

// Tiles of a group of which each takes `channels` values a point: as many blocks as `bytes` hold,
// at least one.
static inline int64_t group_tiles(const Grid& g, int64_t channels, int64_t bytes) {
  const int64_t block = kMostRows2 * kPoints * channels * static_cast<int64_t>(sizeof(float));
  const int64_t some = bytes < block ? kMostRows2 : bytes / block * kMostRows2;
  return some < g.tiles() ? some : whole_blocks(g.tiles());
}

// A group's transformed tiles: for each point a matrix [tiles, channels], a cache line further
// apart than they need be, so that they do not all fall into the same set of the cache.
struct Points {
  Points(float* first, int64_t tiles, int64_t channels)
      : at(first), step(tiles * channels + kLine) {}
  float* operator[](int64_t point) const { return at + point * step; }
  float* end() const { return at + kPoints * step; }
  static constexpr int64_t kLine = 16;
  float* at;
  int64_t step;  // floats
};

// B^T x B of tiles [first, end). `zeros`: 6 channels of scratch, for rows outside the image.
void transform_input(const Grid&, int64_t channels, int64_t first, int64_t end, const float* x,
                     const Points& transformed, float* zeros) noexcept;

}  // namespace trireme::cpu::TRIREME_LEVEL::winograd
