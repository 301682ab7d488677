#include "kernels/cpu/own/pool.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

// An index is one byte, and every window must touch the image.
bool valid(const Pool2dSpec& s) {
  return s.kernel_h > 0 && s.kernel_w > 0 && s.kernel_h * s.kernel_w <= 256 && s.stride_h > 0 &&
         s.stride_w > 0 && s.pad_h < s.kernel_h && s.pad_w < s.kernel_w &&
         (s.out_h - 1) * s.stride_h - s.pad_h < s.h && (s.out_w - 1) * s.stride_w - s.pad_w < s.w;
}

inline int32_t position(const Pool2dSpec& s, const Window& at, int64_t h, int64_t w) {
  return static_cast<int32_t>((h - at.top) * s.kernel_w + (w - at.left));
}

inline void maximum_vectors(const Pool2dSpec& s, const Window& at, const float* x, float* y,
                            uint8_t* index) {
  const int32_t first = position(s, at, at.h0, at.w0);
  for (int64_t c = 0; c < s.c; c += kVector) {
    Float8 best = load<Float8>(x + at.input_offset(s, at.h0, at.w0) + c);
    Int8 where = first - Int8{};
    for (int64_t h = at.h0; h < at.h1; ++h) {
      for (int64_t w = at.w0; w < at.w1; ++w) {
        const Float8 v = load<Float8>(x + at.input_offset(s, h, w) + c);
        const Int8 take = (v > best) | (v != v);
        best = take ? v : best;
        where = take ? position(s, at, h, w) - Int8{} : where;
      }
    }
    store(y + at.output + c, best);
    store(index + at.output + c, __builtin_convertvector(where, Byte8));
  }
}

inline void maximum_scalars(const Pool2dSpec& s, const Window& at, const float* x, float* y,
                            uint8_t* index) {
  for (int64_t c = 0; c < s.c; ++c) {
    float best = x[at.input_offset(s, at.h0, at.w0) + c];
    int32_t where = position(s, at, at.h0, at.w0);
    for (int64_t h = at.h0; h < at.h1; ++h) {
      for (int64_t w = at.w0; w < at.w1; ++w) {
        const float v = x[at.input_offset(s, h, w) + c];
        if (v > best || v != v) {
          best = v;
          where = position(s, at, h, w);
        }
      }
    }
    y[at.output + c] = best;
    index[at.output + c] = static_cast<uint8_t>(where);
  }
}

// Adds dy to the pixel of the maximum. Lanes past the last channel add zero: they lie in another pixel.
inline void scatter_vectors(const Pool2dSpec& s, const Window& at, const float* dy,
                            const uint8_t* index, float* dx) {
  const Int8 lane = {0, 1, 2, 3, 4, 5, 6, 7};
  for (int64_t c = 0; c < s.c; c += kVector) {
    const Int8 inside = lane < static_cast<int32_t>(s.c - c);
    const Float8 g = load<Float8>(dy + at.output + c);
    const Int8 where = __builtin_convertvector(load<Byte8>(index + at.output + c), Int8);
    for (int64_t h = at.h0; h < at.h1; ++h) {
      for (int64_t w = at.w0; w < at.w1; ++w) {
        float* to = dx + at.input_offset(s, h, w) + c;
        const Int8 take = (where == position(s, at, h, w)) & inside;
        store(to, load<Float8>(to) + (take ? g : Float8{}));
      }
    }
  }
}

inline void scatter_scalars(const Pool2dSpec& s, const Window& at, const float* dy,
                            const uint8_t* index, float* dx) {
  for (int64_t c = 0; c < s.c; ++c) {
    const int64_t where = index[at.output + c];
    const int64_t h = at.top + where / s.kernel_w, w = at.left + where % s.kernel_w;
    dx[at.input_offset(s, h, w) + c] += dy[at.output + c];
  }
}

}  // namespace

Status max_pool_forward(Stream*, const Pool2dSpec* spec, const float* x, float* y,
                        uint8_t* index) noexcept {
  const Pool2dSpec s = *spec;
  if (!valid(s)) return Status::invalid;
  for_windows(s, [&](const Window& at, bool vectors) {
    vectors ? maximum_vectors(s, at, x, y, index) : maximum_scalars(s, at, x, y, index);
  });
  return Status::ok;
}

Status max_pool_backward(Stream*, const Pool2dSpec* spec, const float* dy, const uint8_t* index,
                         float* dx, Write write) noexcept {
  const Pool2dSpec s = *spec;
  if (!valid(s)) return Status::invalid;
  if (write == Write::set) fill(nullptr, s.n * s.h * s.w * s.c, 0.0f, dx);
  for_windows(s, [&](const Window& at, bool vectors) {
    vectors ? scatter_vectors(s, at, dy, index, dx) : scatter_scalars(s, at, dy, index, dx);
  });
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
