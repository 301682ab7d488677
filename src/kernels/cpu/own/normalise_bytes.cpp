#include "kernels/cpu/own/kernels.h"

namespace trireme::cpu::TRIREME_LEVEL {

Status normalise_bytes(Stream*, int64_t n, int64_t channels, const uint8_t* x, const float* mean,
                       const float* scale, float* y) noexcept {
  for (int64_t pixel = 0; pixel < n; pixel += channels) {
    const int64_t here = channels < n - pixel ? channels : n - pixel;
    for (int64_t c = 0; c < here; ++c)
      y[pixel + c] = (static_cast<float>(x[pixel + c]) - mean[c]) * scale[c];
  }
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
