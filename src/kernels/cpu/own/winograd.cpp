// Convolutions of 3 x 3 by Winograd's F(4x4, 3x3): y; and dx, as the forward pass of dy under the
// turned kernel. A group of tiles is transformed, 36 products [tiles, c_in] [c_in, c_out] follow,
// and their results are transformed back. A tile's bits do not depend on its group.
#include "kernels/cpu/own/winograd.h"

#include "kernels/cpu/own/plans.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace winograd {

void transform_input(const Grid& g, int64_t channels, int64_t first, int64_t end, const float* x,
                     const Points& transformed, float* zeros) noexcept {
  fill(nullptr, kIn * channels, 0.0f, zeros);
  const int64_t line = g.w * channels;
  for_tiles(g, first, end, [&](const Place& at) {
    const float* const image = x + at.image * g.h * line;
    const int64_t top = at.row - g.pad_h, left = at.column - g.pad_w;
    const float* rows[kIn];
    for (int64_t i = 0; i < kIn; ++i)
      rows[i] = top + i >= 0 && top + i < g.h ? image + (top + i) * line + left * channels : zeros;
    float* const tile = transformed.at + at.number * channels;
    for (int64_t c = 0; c < channels; c += kWidth) {
      Wide half[kIn][kIn];
#pragma GCC unroll 6
      for (int64_t j = 0; j < kIn; ++j) {
        Wide v[kIn] = {}, t[kIn];
        if (left + j >= 0 && left + j < g.w) {
          for (int64_t i = 0; i < kIn; ++i) v[i] = load<Wide>(rows[i] + (j * channels + c));
        }
        of_input(v, t);
        for (int64_t i = 0; i < kIn; ++i) half[i][j] = t[i];
      }
#pragma GCC unroll 6
      for (int64_t i = 0; i < kIn; ++i) {
        Wide t[kIn];
        of_input(half[i], t);
        for (int64_t j = 0; j < kIn; ++j) store(tile + (i * kIn + j) * transformed.step + c, t[j]);
      }
    }
  });
}

namespace {

struct Product {
  explicit Product(const ConvTask& task)
      : forward(task.pass == ConvPass::forward),
        c_in(forward ? task.spec.c_in : task.spec.c_out),
        c_out(forward ? task.spec.c_out : task.spec.c_in),
        grid(forward ? Grid(task.spec.n, task.spec.h, task.spec.w, task.out_h, task.out_w,
                            task.spec.pad_h, task.spec.pad_w)
                     : Grid(task.spec.n, task.out_h, task.out_w, task.spec.h, task.spec.w,
                            2 - task.spec.pad_h, 2 - task.spec.pad_w)),
        group(group_tiles(grid, c_in + c_out, kNearest)) {}
  static constexpr int64_t kNearest = 48 << 10;  // bytes of the nearest cache
  bool forward;
  int64_t c_in, c_out;
  Grid grid;
  int64_t group;
};

// c = a packed for kRows tiles at one point. The error of a sum goes by its length and is what the
// transforms enlarge: sums of kDepth terms are added up.
template <int kRows>
void multiply_rows(const Product& p, const float* a, const float* panel, int64_t count, float* c) {
  constexpr int64_t kDepth = 32;
  const bool two = count > kWidth;
  const int64_t width = two ? 2 * kWidth : kWidth;
  const auto set =
      two ? multiply_block<false, kRows, 2, false> : multiply_block<false, kRows, 1, false>;
  const auto add =
      two ? multiply_block<false, kRows, 2, true> : multiply_block<false, kRows, 1, true>;
  set(p.c_in < kDepth ? p.c_in : kDepth, a, p.c_in, panel, width, c, p.c_out);
  for (int64_t k = kDepth; k < p.c_in; k += kDepth)
    add(p.c_in - k < kDepth ? p.c_in - k : kDepth, a + k, p.c_in, panel + k * width, width, c,
        p.c_out);
}

// The product at every point. The last blocks reach past the last tile, into memory of the group;
// a row's bits depend neither on its block nor on its neighbours.
void multiply(const Product& p, int64_t tiles, const Points& inputs, const float* packed,
              const Points& products, Ahead of_x, Ahead of_y) {
  for (int64_t point = 0; point < kPoints; ++point, packed += p.c_in * p.c_out) {
    of_x.fetch();
    of_y.fetch();
    for_panels<Wide>(p.c_out, [&](int64_t column, int64_t count, int64_t) {
      const float* const panel = packed + column * p.c_in;
      const float* a = inputs[point];
      float* c = products[point] + column;
      int64_t left = tiles;
      for (; left > kMostRows2 - kFewRows;
           left -= kMostRows2, a += kMostRows2 * p.c_in, c += kMostRows2 * p.c_out)
        multiply_rows<kMostRows2>(p, a, panel, count, c);
      for (; left > 0; left -= kFewRows, a += kFewRows * p.c_in, c += kFewRows * p.c_out)
        multiply_rows<kFewRows>(p, a, panel, count, c);
    });
  }
}

struct Epilogue {
  const float* bias;  // or null
  Wide floor;         // what y is at least; NaN stays
  bool plain;         // neither
};

// y of one tile and kWidth channels, of which `rows` by `columns` pixels are there.
template <bool kWhole, bool kPlain>
inline void transform_tile(const float* products, int64_t step, Wide bias, Wide floor, float* y,
                           int64_t line, int64_t channels, int64_t rows, int64_t columns) {
  Wide half[kOut][kIn];
#pragma GCC unroll 6
  for (int64_t j = 0; j < kIn; ++j) {
    Wide m[kIn], t[kOut];
    for (int64_t i = 0; i < kIn; ++i) m[i] = load<Wide>(products + (i * kIn + j) * step);
    of_products(m, t);
    for (int64_t i = 0; i < kOut; ++i) half[i][j] = t[i];
  }
#pragma GCC unroll 4
  for (int64_t i = 0; i < kOut; ++i, y += line) {
    if (!kWhole && i >= rows) return;
    Wide t[kOut];
    of_products(half[i], t);
    for (int64_t j = 0; j < kOut; ++j) {
      const Wide v = kPlain ? t[j] : t[j] + bias;
      if (kWhole || j < columns) store(y + j * channels, !kPlain && v < floor ? floor : v);
    }
  }
}

void transform_products(const Product& p, int64_t first, int64_t end, const Points& products,
                        const Epilogue& epilogue, float* y) {
  const int64_t line = p.grid.out_w * p.c_out;
  for_tiles(p.grid, first, end, [&](const Place& at) {
    const auto transform =
        epilogue.plain ? (at.whole() ? transform_tile<true, true> : transform_tile<false, true>)
                       : (at.whole() ? transform_tile<true, false> : transform_tile<false, false>);
    float* const to = y + at.offset(p.grid, p.c_out);
    const float* const from = products.at + at.number * p.c_out;
    for (int64_t c = 0; c < p.c_out; c += kWidth) {
      const Wide bias = epilogue.bias ? load<Wide>(epilogue.bias + c) : Wide{};
      transform(from + c, products.step, bias, epilogue.floor, to + c, line, p.c_out, at.rows,
                at.columns);
    }
  });
}

}  // namespace
}  // namespace winograd

using winograd::kIn;
using winograd::kPoints;
using winograd::kWidth;

// Tiles that are not mostly past the end, and whole vectors of channels.
bool is_winograd(const ConvTask& task) noexcept {
  const Conv2dSpec& s = task.spec;
  const bool plain = s.kernel_h == 3 && s.kernel_w == 3 && s.stride_h == 1 && s.stride_w == 1 &&
                     s.dilation_h == 1 && s.dilation_w == 1 && s.groups == 1;
  if (!plain || s.pad_h > 2 || s.pad_w > 2 || s.c_in % 16 != 0 || s.c_out % 16 != 0) return false;
  const bool dx = task.pass == ConvPass::backward_data;
  const int64_t h = dx ? s.h : task.out_h, w = dx ? s.w : task.out_w;
  const winograd::Grid g(1, s.h, s.w, h, w, 0, 0);
  return 2 * h * w > g.tiles() * winograd::kOut * winograd::kOut;
}

PlanInfo winograd_info(const ConvTask& task) noexcept {
  if (task.pass == ConvPass::backward_weights) return winograd_weights_info(task);
  const winograd::Product p(task);
  const winograd::Points inputs(nullptr, p.group, p.c_in), products(nullptr, p.group, p.c_out);
  const int64_t scratch = kPoints * (inputs.step + products.step) + kIn * p.c_in;
  return {static_cast<size_t>(scratch) * sizeof(float),
          static_cast<size_t>(kPoints * p.c_in * p.c_out) * sizeof(float)};
}

// packed[point][panel of c_out][c_in][column]
void winograd_pack(const ConvTask& task, const float* weights, float* packed,
                   Share share) noexcept {
  const winograd::Product p(task);
  constexpr int64_t kPanel = 2 * kWidth;
  // Of the w of `lanes` channels that lie side by side in memory; stored at `step` a point.
  const auto transform = [](const float* w, int64_t tap, bool turned, float* to, int64_t step) {
    Wide rows[kIn][3];
    for (int64_t j = 0; j < 3; ++j) {
      Wide column[3], u[kIn];
      for (int64_t i = 0; i < 3; ++i) {
        const int64_t at = i * 3 + j;
        column[i] = load<Wide>(w + (turned ? 8 - at : at) * tap);
      }
      winograd::of_kernel(column, u);
      for (int64_t i = 0; i < kIn; ++i) rows[i][j] = u[i];
    }
    for (int64_t i = 0; i < kIn; ++i) {
      Wide u[kIn];
      winograd::of_kernel(rows[i], u);
      for (int64_t j = 0; j < kIn; ++j) store(to + (i * kIn + j) * step, u[j]);
    }
  };
  const int64_t point = p.c_in * p.c_out;
  for_panels<Wide>(p.c_out, share, [&](int64_t first, int64_t count, int64_t width) {
    float* const panel = packed + first * p.c_in;
    if (!p.forward) {  // w[c_in][tap][c_out]
      for (int64_t k = 0; k < p.c_in; ++k) {
        for (int64_t j = 0; j < count; j += kWidth)
          transform(weights + k * 9 * p.c_out + first + j, p.c_out, true, panel + k * width + j,
                    point);
      }
      return;
    }
    for (int64_t k = 0; k < p.c_in; k += kWidth) {  // w[c_out][tap][c_in]
      alignas(64) float rows[kPoints * kPanel * kWidth];
      for (int64_t j = 0; j < count; ++j)
        transform(weights + (first + j) * 9 * p.c_in + k, p.c_in, false, rows + j * kWidth,
                  kPanel * kWidth);
      for (int64_t i = 0; i < kPoints; ++i)
        transpose_panel(rows + i * kPanel * kWidth, kWidth, count, kWidth,
                        panel + i * point + k * width, width);
    }
  });
}

void winograd_run(const ConvTask& task, void* const* arguments, float* scratch) noexcept {
  if (task.pass == ConvPass::backward_weights)
    return winograd_weights_run(task, arguments, scratch);
  const winograd::Product p(task);
  const auto* x = static_cast<const float*>(arguments[0]);
  const auto* packed = static_cast<const float*>(arguments[1]);
  auto* y = static_cast<float*>(arguments[p.forward ? 3 : 2]);
  const auto* bias = static_cast<const float*>(p.forward ? arguments[2] : nullptr);
  const bool relu = p.forward && task.spec.activation == Activation::relu;
  const winograd::Epilogue epilogue{bias, winograd::wide(relu ? 0.0f : -__builtin_inff()),
                                    !bias && !relu};
  const winograd::Points inputs(scratch, p.group, p.c_in);
  const winograd::Points products(inputs.end(), p.group, p.c_out);
  const int64_t tiles = p.grid.tiles();
  // From the last images to the first: what was computed before ended with the last, and what comes
  // after begins with the first, which the cache still holds.
  for (int64_t end = tiles, first; end > 0; end = first) {
    first = (end - 1) / p.group * p.group;
    const int64_t next = first > 0 ? first - p.group : 0;
    winograd::transform_input(p.grid, p.c_in, first, end, x, inputs, products.end());
    winograd::multiply(p, end - first, inputs, packed, products,
                       p.grid.rows_of_x(x, p.c_in, next, first, -p.grid.pad_h),
                       p.grid.rows_of_y(y, p.c_out, first, end));
    winograd::transform_products(p, first, end, products, epilogue, y);
  }
}

}  // namespace trireme::cpu::TRIREME_LEVEL
