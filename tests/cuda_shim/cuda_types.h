#pragma once
// CUDA's words and types, as far as kernels use them, for a C++ compiler.

#include <math.h>

#include <bit>
#include <cstdint>

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned of_x = 1, unsigned of_y = 1, unsigned of_z = 1)
      : x(of_x), y(of_y), z(of_z) {}
};

// The upper half of a float.
struct __nv_bfloat16 {
  uint16_t bits;
};
inline float __bfloat162float(__nv_bfloat16 v) {
  return std::bit_cast<float>(uint32_t{v.bits} << 16);
}
inline __nv_bfloat16 __float2bfloat16_rn(float v) {
  if (v != v) return {0x7fff};
  const auto bits = std::bit_cast<uint32_t>(v);
  return {static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

// IEEE 754's binary16: 5 bits of exponent, 10 of mantissa.
struct __half {
  uint16_t bits;
};
inline float __half2float(__half v) {
  const uint32_t sign = (v.bits & 0x8000u) << 16, exponent = v.bits >> 10 & 31;
  const uint32_t mantissa = v.bits & 0x3ffu;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t upper = exponent == 31 ? 0x7f800000u : (exponent + 112) << 23;
  return std::bit_cast<float>(sign | upper | mantissa << 13);
}
inline __half __float2half_rn(float v) {
  if (v != v) return {0x7fff};
  const auto bits = std::bit_cast<uint32_t>(v);
  const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  uint32_t rounded = 0;
  if (magnitude >= 0x477ff000u)  // 65520, halfway to what would be the next number, and more
    rounded = 0x7c00u;
  else if (magnitude < 0x38800000u)  // below 2^-14: beside 0.5, a float counts in steps of 2^-24
    rounded = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  else
    rounded = (magnitude + 0xfffu + (magnitude >> 13 & 1) - (112u << 23)) >> 13;
  return {static_cast<uint16_t>(sign | rounded)};
}

// Of the thread that runs at the moment; set by execution.cpp.
inline thread_local uint3 threadIdx{}, blockIdx{};
inline thread_local dim3 blockDim, gridDim;

inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((uint64_t{a} * b) >> 32);
}
