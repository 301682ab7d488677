#include "kernels/cpu/own/pool.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

bool valid(const Pool2dSpec& s) {
  return s.kernel_h > 0 && s.kernel_w > 0 && s.stride_h > 0 && s.stride_w > 0 &&
         s.pad_h < s.kernel_h && s.pad_w < s.kernel_w &&
         (s.out_h - 1) * s.stride_h - s.pad_h < s.h && (s.out_w - 1) * s.stride_w - s.pad_w < s.w;
}

// 1 / the area that counts. Padding counts when asked for; what a window has beyond the padding
// (the last one, when the output size was rounded up) never does, as in PyTorch.
inline float inverse_area(const Pool2dSpec& s, const Window& at) {
  int64_t height = at.h1 - at.h0, width = at.w1 - at.w0;
  if (s.count_include_pad) {
    const int64_t bottom = at.top + s.kernel_h, right = at.left + s.kernel_w;
    height = (bottom < s.h + s.pad_h ? bottom : s.h + s.pad_h) - at.top;
    width = (right < s.w + s.pad_w ? right : s.w + s.pad_w) - at.left;
  }
  return 1.0f / static_cast<float>(height * width);
}

}  // namespace

Status average_pool_forward(Stream*, const Pool2dSpec* spec, const float* x, float* y) noexcept {
  const Pool2dSpec s = *spec;
  if (!valid(s)) return Status::invalid;
  for_windows(s, [&](const Window& at, bool vectors) {
    const float factor = inverse_area(s, at);
    const int64_t step = vectors ? kVector : 1;
    for (int64_t c = 0; c < s.c; c += step) {
      Float8 sum = {};
      for (int64_t h = at.h0; h < at.h1; ++h) {
        for (int64_t w = at.w0; w < at.w1; ++w) {
          const float* from = x + at.input_offset(s, h, w) + c;
          if (vectors) {
            sum += load<Float8>(from);
          } else {
            sum[0] += *from;
          }
        }
      }
      sum *= factor;
      if (vectors) {
        store(y + at.output + c, sum);
      } else {
        y[at.output + c] = sum[0];
      }
    }
  });
  return Status::ok;
}

Status average_pool_backward(Stream*, const Pool2dSpec* spec, const float* dy, float* dx,
                             Write write) noexcept {
  const Pool2dSpec s = *spec;
  if (!valid(s)) return Status::invalid;
  if (write == Write::set) fill(nullptr, s.n * s.h * s.w * s.c, 0.0f, dx);
  for_windows(s, [&](const Window& at, bool) {
    const float factor = inverse_area(s, at);
    const float* from = dy + at.output;
    for (int64_t h = at.h0; h < at.h1; ++h) {
      for (int64_t w = at.w0; w < at.w1; ++w) {
        float* to = dx + at.input_offset(s, h, w);
#pragma GCC ivdep
        for (int64_t c = 0; c < s.c; ++c) to[c] += from[c] * factor;
      }
    }
  });
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
