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

// Calls visit(offset from the window's first pixel, position in the window). kSize: the window's
// rows and columns where the compiler may know them, else 0.
template <int kSize, class Visit>
inline void for_pixels(const Pool2dSpec& s, const Window& at, Visit visit) {
  const int64_t rows = kSize ? kSize : at.h1 - at.h0, cols = kSize ? kSize : at.w1 - at.w0;
  const int64_t row = s.w * s.c;
  int32_t first = kSize ? 0 : position(s, at, at.h0, at.w0);
  for (int64_t h = 0; h < rows; ++h, first += static_cast<int32_t>(kSize ? kSize : s.kernel_w)) {
    for (int64_t w = 0; w < cols; ++w) visit(h * row + w * s.c, first + static_cast<int32_t>(w));
  }
}

template <int kSize>
inline void maximum_vectors(const Pool2dSpec& s, const Window& at, const float* x, float* y,
                            uint8_t* index) {
  const float* from = x + at.input_offset(s, at.h0, at.w0);
  const int32_t first = kSize ? 0 : position(s, at, at.h0, at.w0);
  for (int64_t c = 0; c < s.c; c += kVector) {
    Float8 best = load<Float8>(from + c);
    Int8 where = first - Int8{};
    for_pixels<kSize>(s, at, [&](int64_t offset, int32_t here) {
      const Float8 v = load<Float8>(from + offset + c);
      const Int8 take = (v > best) | (v != v);
      best = take ? v : best;
      where = take ? here - Int8{} : where;
    });
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

// dy goes to the pixel of the maximum; the window's other pixels get zero (kSet) or stay. Lanes
// past the last channel lie in the next pixel: they keep what they hold, unless that pixel is still
// to be set.
template <int kSize, bool kSet>
inline void scatter_vectors(const Pool2dSpec& s, const Window& at, const float* dy,
                            const uint8_t* index, float* dx) {
  const Int8 lane = {0, 1, 2, 3, 4, 5, 6, 7};
  float* to = dx + at.input_offset(s, at.h0, at.w0);
  const bool next_is_unset = s.c <= kVector && at.w1 < s.w;
  for (int64_t c = 0; c < s.c; c += kVector) {
    const Int8 inside = lane < static_cast<int32_t>(s.c - c);
    const bool whole = s.c - c >= kVector || next_is_unset;
    const Float8 g = load<Float8>(dy + at.output + c);
    const Int8 where = __builtin_convertvector(load<Byte8>(index + at.output + c), Int8);
    for_pixels<kSize>(s, at, [&](int64_t offset, int32_t here) {
      Float8 value = where == here ? g : Float8{};
      if (!kSet || !whole) {
        const Float8 old = load<Float8>(to + offset + c);
        value = inside ? (kSet ? value : old + value) : old;
      }
      store(to + offset + c, value);
    });
  }
}

template <bool kSet>
inline void scatter_scalars(const Pool2dSpec& s, const Window& at, const float* dy,
                            const uint8_t* index, float* dx) {
  float* to = dx + at.input_offset(s, at.h0, at.w0);
  for (int64_t c = 0; c < s.c; ++c) {
    const int32_t where = index[at.output + c];
    const float g = dy[at.output + c];
    for_pixels<0>(s, at, [&](int64_t offset, int32_t here) {
      float& element = to[offset + c];
      const float part = where == here ? g : 0.0f;
      element = kSet ? part : element + part;
    });
  }
}

template <int kSize, bool kSet>
void scatter(const Pool2dSpec& s, const float* dy, const uint8_t* index, float* dx) {
  for_windows(s, [&](const Window& at, bool vectors) {
    vectors ? scatter_vectors<kSize, kSet>(s, at, dy, index, dx)
            : scatter_scalars<kSet>(s, at, dy, index, dx);
  });
}

template <int kSize>
void gather_maxima(const Pool2dSpec& s, const float* x, float* y, uint8_t* index) {
  for_windows(s, [&](const Window& at, bool vectors) {
    vectors ? maximum_vectors<kSize>(s, at, x, y, index) : maximum_scalars(s, at, x, y, index);
  });
}

// Every window is two by two and whole.
bool is_two_by_two(const Pool2dSpec& s) {
  return s.kernel_h == 2 && s.kernel_w == 2 && s.pad_h == 0 && s.pad_w == 0 &&
         (s.out_h - 1) * s.stride_h + 2 <= s.h && (s.out_w - 1) * s.stride_w + 2 <= s.w;
}

// Every pixel belongs to exactly one window.
bool is_partition(const Pool2dSpec& s) {
  return s.kernel_h == s.stride_h && s.kernel_w == s.stride_w && s.pad_h == 0 && s.pad_w == 0 &&
         s.out_h * s.stride_h >= s.h && s.out_w * s.stride_w >= s.w;
}

}  // namespace

Status max_pool_forward(Stream*, const Pool2dSpec* spec, const float* x, float* y,
                        uint8_t* index) noexcept {
  const Pool2dSpec s = *spec;
  if (!valid(s)) return Status::invalid;
  is_two_by_two(s) ? gather_maxima<2>(s, x, y, index) : gather_maxima<0>(s, x, y, index);
  return Status::ok;
}

Status max_pool_backward(Stream*, const Pool2dSpec* spec, const float* dy, const uint8_t* index,
                         float* dx, Write write) noexcept {
  const Pool2dSpec s = *spec;
  if (!valid(s)) return Status::invalid;
  if (write == Write::set && is_partition(s)) {
    is_two_by_two(s) ? scatter<2, true>(s, dy, index, dx) : scatter<0, true>(s, dy, index, dx);
  } else {
    if (write == Write::set) fill(nullptr, s.n * s.h * s.w * s.c, 0.0f, dx);
    is_two_by_two(s) ? scatter<2, false>(s, dy, index, dx) : scatter<0, false>(s, dy, index, dx);
  }
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
