#include "kernels/cpu/own/kernels.h"

namespace trireme::cpu::TRIREME_LEVEL {

// A NaN stays one: rounding could make its fraction's lower half carry into the exponent.
Status to_bf16(Stream*, int64_t n, const float* x, Bf16* y) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    uint32_t bits;
    __builtin_memcpy(&bits, x + i, sizeof bits);
    const uint32_t even = bits + 0x7fff + (bits >> 16 & 1);
    const bool nan = (bits & 0x7fffffff) > 0x7f800000;
    y[i].bits = static_cast<uint16_t>(nan ? bits >> 16 | 0x40 : even >> 16);
  }
  return Status::ok;
}

Status from_bf16(Stream*, int64_t n, const Bf16* x, float* y) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t bits = uint32_t{x[i].bits} << 16;
    __builtin_memcpy(y + i, &bits, sizeof bits);
  }
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
