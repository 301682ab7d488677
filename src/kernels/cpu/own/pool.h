#pragma once
// What the pooling kernels share: the window of each output pixel, and the walk over them.

#include "kernels/cpu/own/kernels.h"
#include "kernels/cpu/own/vector.h"

namespace trireme::cpu::TRIREME_LEVEL {

// The part of one output pixel's window that lies inside the image.
struct Window {
  int64_t output;          // offset of the output pixel's channel 0
  int64_t input;           // offset of input pixel (0, 0) of this sample, channel 0
  int64_t h0, h1, w0, w1;  // rows and columns of the image
  int64_t top, left;       // where the whole window starts; may lie in the padding
  int64_t input_offset(const Pool2dSpec& s, int64_t h, int64_t w) const {
    return input + (h * s.w + w) * s.c;
  }
};

// Calls visit(window, vectors) for every output pixel in memory order. With `vectors`, eight lanes
// may be touched at a time in every pixel involved although that reaches past channel c - 1: what
// lies there belongs to the tensor. A last vector's surplus lanes then fall into the pixel that
// follows.
template <class Visit>
static inline void for_windows(const Pool2dSpec& s, Visit visit) {
  const int64_t padded = (s.c + kVector - 1) / kVector * kVector;
  const int64_t in_size = s.n * s.h * s.w * s.c, out_size = s.n * s.out_h * s.out_w * s.c;
  int64_t output = 0;
  for (int64_t n = 0; n < s.n; ++n) {
    for (int64_t oh = 0; oh < s.out_h; ++oh) {
      const int64_t top = oh * s.stride_h - s.pad_h, bottom = top + s.kernel_h;
      const int64_t h0 = top < 0 ? 0 : top, h1 = bottom < s.h ? bottom : s.h;
      for (int64_t ow = 0; ow < s.out_w; ++ow, output += s.c) {
        const int64_t left = ow * s.stride_w - s.pad_w, right = left + s.kernel_w;
        const int64_t w0 = left < 0 ? 0 : left, w1 = right < s.w ? right : s.w;
        const Window window{output, n * s.h * s.w * s.c, h0, h1, w0, w1, top, left};
        const int64_t last = window.input_offset(s, h1 - 1, w1 - 1);
        visit(window, last + padded <= in_size && output + padded <= out_size);
      }
    }
  }
}

}  // namespace trireme::cpu::TRIREME_LEVEL
