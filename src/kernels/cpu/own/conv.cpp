// Direct convolution over N,H,W,C without groups, dilation_w 1 (or kernel_w 1). A kernel row covers
// kernel_w * c_in consecutive floats of an image row, its taps, so each pass is a product of
// own/tile.h without any gathering:
//   forward           y[pixels of a row, c_out]  = sum over kernel rows: x[pixels, taps] w[taps,
//   c_out] backward_data     dx[taps at a pixel]       += dy[pixels of a column, c_out] w[c_out,
//   taps] backward_weights  dw[taps, c_out]           += x[taps, pixels] dy[pixels, c_out]
// Images are worked on one at a time: with padding, in a copy that has its border; dx likewise. A
// pixel's taps are padded with zero weights in backward_data, so a dy that is not finite may spread
// to the pixels beside its own. What own/winograd.h computes never comes here.
#include "kernels/cpu/own/plans.h"

#include "kernels/cpu/own/panels.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

struct Geometry {
  explicit Geometry(const ConvTask& task)
      : s(task.spec),
        out_h(task.out_h),
        out_w(task.out_w),
        taps(s.kernel_w * s.c_in),
        rows(s.h + 2 * s.pad_h),
        row((s.w + 2 * s.pad_w) * s.c_in),
        x_size(s.h * s.w * s.c_in),
        y_size(out_h * out_w * s.c_out) {}
  bool bordered() const { return s.pad_h > 0 || s.pad_w > 0; }
  Conv2dSpec s;
  int64_t out_h, out_w, taps, rows, row, x_size, y_size;
};

constexpr int64_t kSlack = 2 * kLanes<Wide>;  // what a panel may reach past the last row
constexpr int64_t kBand = 4;   // rows of y that one panel of weights serves at a time
constexpr int64_t kLine = 16;  // floats of a cache line

int64_t lines(int64_t floats) { return (floats + kLine - 1) / kLine * kLine; }

// The image with its border of zeros: `x` itself, or a copy whose border already is zero.
const float* with_border(const Geometry& g, const float* x, float* copy) {
  if (!g.bordered()) return x;
  const int64_t width = g.s.w * g.s.c_in;
  float* to = copy + g.s.pad_h * g.row + g.s.pad_w * g.s.c_in;
  for (int64_t h = 0; h < g.s.h; ++h)
    copy_columns(nullptr, 1, width, x + h * width, 0, to + h * g.row, 0, Write::set);
  return copy;
}

template <class Vector>
void forward(const Geometry& g, const float* x, const float* packed, const float* bias, float* y,
             float* scratch) {
  const Conv2dSpec& s = g.s;
  if (g.bordered()) fill(nullptr, g.rows * g.row, 0.0f, scratch);
  Tile t{};
  t.segments = s.kernel_h;
  t.a_segment = s.dilation_h * g.row;
  t.depth = g.taps;
  t.a_stride = s.stride_w * s.c_in;  // at 1, pixels and taps alike are neighbours
  t.c_stride = s.c_out;
  t.relu = s.activation == Activation::relu;
  for (int64_t n = 0; n < s.n; ++n, x += g.x_size, y += g.y_size) {
    const float* image = with_border(g, x, scratch);
    for (int64_t band = 0; band < g.out_h; band += kBand) {
      const int64_t end = g.out_h - band < kBand ? g.out_h : band + kBand;
      for_panels<Vector>(s.c_out, [&](int64_t first, int64_t count, int64_t width) {
        t.b = packed + first * s.kernel_h * g.taps;
        t.b_segment = g.taps * width;
        t.b_step = width;
        t.bias = bias ? bias + first : nullptr;
        t.columns = count;
        for (int64_t oh = band; oh < end; ++oh) {
          const int64_t rows_after = (s.n - 1 - n) * g.out_h + g.out_h - 1 - oh;
          const bool room = rows_after * g.out_w * s.c_out >= width - count;
          t.stored = count == s.c_out && room ? width : count;
          t.a = image + oh * s.stride_h * g.row;
          t.c = y + oh * g.out_w * s.c_out + first;
          t.a_stride == 1 ? multiply_panel<Vector, true>(t, g.out_w)
                          : multiply_panel<Vector, false>(t, g.out_w);
        }
      });
    }
  }
}

// packed[panel][kernel row][tap][column] = w[first + column][kernel row][tap]
template <class Vector>
void pack_forward(const Geometry& g, const float* w, float* packed, const Share& share) {
  const int64_t depth = g.s.kernel_h * g.taps;
  for_panels<Vector>(g.s.c_out, share, [&](int64_t first, int64_t count, int64_t width) {
    transpose_panel(w + first * depth, depth, count, depth, packed + first * depth, width);
  });
}

template <class Vector>
void backward_data(const Geometry& g, const float* dy, const float* packed, float* dx,
                   float* scratch) {
  const Conv2dSpec& s = g.s;
  Tile t{};
  t.segments = 1;
  t.depth = s.c_out;
  t.a_stride = g.out_w * s.c_out;
  t.c_stride = s.stride_h * g.row;
  t.add = true;
  const int64_t band = kMostRows2, width = s.w * s.c_in;
  for (int64_t n = 0; n < s.n; ++n, dy += g.y_size, dx += g.x_size) {
    fill(nullptr, g.rows * g.row + kSlack, 0.0f, scratch);
    for (int64_t oh = 0; oh < g.out_h; oh += band) {
      const int64_t rows = g.out_h - oh < band ? g.out_h - oh : band;
      for_panels<Vector>(g.taps, [&](int64_t first, int64_t, int64_t panel) {
        t.b_step = t.columns = t.stored = panel;
        for (int64_t kh = 0; kh < s.kernel_h; ++kh) {
          t.b = packed + (first * s.kernel_h + kh * panel) * s.c_out;
          for (int64_t ow = 0; ow < g.out_w; ++ow) {
            t.a = dy + (oh * g.out_w + ow) * s.c_out;
            t.c = scratch + (oh * s.stride_h + kh * s.dilation_h) * g.row +
                  ow * s.stride_w * s.c_in + first;
            multiply_panel<Vector, false>(t, rows);
          }
        }
      });
    }
    const float* from = scratch + s.pad_h * g.row + s.pad_w * s.c_in;
    copy_columns(nullptr, s.h, width, from, g.row, dx, width, Write::set);
  }
}

// packed[panel][kernel row][c_out][column] = w[c_out][kernel row][first + column]
template <class Vector>
void pack_backward_data(const Geometry& g, const float* w, float* packed, const Share& share) {
  const int64_t depth = g.s.kernel_h * g.taps;
  for_panels<Vector>(g.taps, share, [&](int64_t first, int64_t count, int64_t width) {
    float* to = packed + first * g.s.kernel_h * g.s.c_out;
    for (int64_t kh = 0; kh < g.s.kernel_h; ++kh, to += g.s.c_out * width)
      copy_panel(w + kh * g.taps + first, depth, count, g.s.c_out, to, width);
  });
}

// Rows of y whose pixels, with what they see of x, stay in the nearest cache.
int64_t chunk_rows(const Geometry& g) {
  const int64_t bytes =
      (g.s.stride_h * g.row + g.out_w * g.s.c_out) * static_cast<int64_t>(sizeof(float));
  return bytes < 16384 ? 16384 / bytes : 1;
}

// In scratch: dw as [kernel row][tap][padded c_out], then one row for db; the image with its
// border; the last dy. Pixels of dy are read in whole vectors: what lies past their channels meets
// columns of dw that nobody reads, but past the last image there may be nothing to read.
template <class Vector>
void backward_weights(const Geometry& g, const float* x, const float* dy, float* dw, float* db,
                      float* scratch) {
  const Conv2dSpec& s = g.s;
  const float one = 1.0f;
  const int64_t channels = padded<Vector>(s.c_out), taps = s.kernel_h * g.taps;
  float* const border = scratch + lines((taps + 1) * channels);
  float* const last = border + (g.bordered() ? lines(g.rows * g.row) : 0);
  fill(nullptr, last - scratch, 0.0f, scratch);
  const int64_t chunk = chunk_rows(g);
  Tile t{};
  t.b_step = s.c_out;
  t.c_stride = channels;
  t.depth = g.out_w;
  t.b_segment = g.out_w * s.c_out;
  t.add = true;
  for (int64_t n = 0; n < s.n; ++n, x += g.x_size, dy += g.y_size) {
    const float* image = with_border(g, x, border);
    const float* pixels = dy;
    if ((s.n - 1 - n) * g.y_size < channels - s.c_out) {
      copy(nullptr, g.y_size, dy, last);
      fill(nullptr, channels - s.c_out, 0.0f, last + g.y_size);
      pixels = last;
    }
    for (int64_t oh = 0; oh < g.out_h; oh += chunk) {
      t.segments = g.out_h - oh < chunk ? g.out_h - oh : chunk;
      for_panels<Vector>(channels, [&](int64_t first, int64_t, int64_t width) {
        t.columns = t.stored = width;
        t.b = pixels + oh * t.b_segment + first;
        t.a_stride = s.stride_w * s.c_in;
        t.a_segment = s.stride_h * g.row;
        for (int64_t kh = 0; kh < s.kernel_h; ++kh) {
          t.a = image + (oh * s.stride_h + kh * s.dilation_h) * g.row;
          t.c = scratch + kh * g.taps * channels + first;
          multiply_panel<Vector, true>(t, g.taps);
        }
        if (!db) return;
        t.a = &one;
        t.a_stride = t.a_segment = 0;
        t.c = scratch + taps * channels + first;
        multiply_panel<Vector, true>(t, 1);
      });
    }
  }
  for (int64_t o = 0; o < s.c_out; ++o) {
    for (int64_t k = 0; k < taps; ++k) dw[o * taps + k] = scratch[k * channels + o];
    if (db) db[o] = scratch[taps * channels + o];
  }
}

}  // namespace

PlanInfo conv_info(const ConvTask& task) noexcept {
  if (is_winograd(task)) return winograd_info(task);
  const Geometry g(task);
  const int64_t kernel = g.s.kernel_h * g.taps, image = lines(g.rows * g.row);
  const auto bytes = [](int64_t floats) { return static_cast<size_t>(floats) * sizeof(float); };
  const auto columns = [](int64_t count) {
    return with_vector(count, [count](auto v) { return padded<decltype(v)>(count); });
  };
  const int64_t channels = columns(g.s.c_out);
  switch (task.pass) {
    case ConvPass::forward:
      return {g.bordered() ? bytes(image) : 0, bytes(channels * kernel)};
    case ConvPass::backward_data:
      return {bytes(image + kSlack), bytes(columns(g.taps) * g.s.kernel_h * g.s.c_out)};
    case ConvPass::backward_weights:
      break;
  }
  const int64_t last = channels != g.s.c_out ? g.y_size + channels - g.s.c_out : 0;
  return {bytes(lines((kernel + 1) * channels) + (g.bordered() ? image : 0) + last), 0};
}

void conv_pack(const ConvTask& task, const float* weights, float* packed, Share share) noexcept {
  if (is_winograd(task)) return winograd_pack(task, weights, packed, share);
  const Geometry g(task);
  const bool forward_pass = task.pass == ConvPass::forward;
  with_vector(forward_pass ? g.s.c_out : g.taps, [&](auto v) {
    using Vector = decltype(v);
    forward_pass ? pack_forward<Vector>(g, weights, packed, share)
                 : pack_backward_data<Vector>(g, weights, packed, share);
  });
}

void conv_run(const ConvTask& task, void* const* arguments, float* scratch) noexcept {
  const Geometry g(task);
  float* const a[] = {static_cast<float*>(arguments[0]), static_cast<float*>(arguments[1]),
                      static_cast<float*>(arguments[2]), static_cast<float*>(arguments[3])};
  if (is_winograd(task)) {
    winograd_run(task, arguments, scratch);
    if (task.pass == ConvPass::forward)
      finish_activation(g.s.activation, g.s.alpha, g.s.n * g.y_size, a[3]);
    return;
  }
  with_vector(task.pass == ConvPass::backward_data ? g.taps : g.s.c_out, [&](auto v) {
    using Vector = decltype(v);
    switch (task.pass) {
      case ConvPass::forward:
        forward<Vector>(g, a[0], a[1], a[2], a[3], scratch);
        return finish_activation(g.s.activation, g.s.alpha, g.s.n * g.y_size, a[3]);
      case ConvPass::backward_data:
        return backward_data<Vector>(g, a[0], a[1], a[2], scratch);
      case ConvPass::backward_weights:
        return backward_weights<Vector>(g, a[0], a[1], a[2], a[3], scratch);
    }
  });
}

}  // namespace trireme::cpu::TRIREME_LEVEL
