#pragma once
// IEEE 754 binary16 and bfloat16 as bits, without branches: loops over them become vectors.

#include <bit>
#include <cstdint>

namespace trireme::ps {

// Nearest, ties to even. |x| < 65520.
inline uint16_t half_of(float x) {
  constexpr uint32_t kLeastNormal = 0x38800000;  // 2^-14
  constexpr uint32_t kBias = 0x38000000;         // (127 - 15) << 23
  const uint32_t bits = std::bit_cast<uint32_t>(x), magnitude = bits & 0x7fffffff;
  const uint32_t normal = (magnitude + 0xfff + ((magnitude >> 13) & 1) - kBias) >> 13;
  // Halves below are multiples of 2^-24, as floats between 0.5 and 1 are: the addition rounds.
  const uint32_t subnormal =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000;
  return static_cast<uint16_t>((magnitude < kLeastNormal ? subnormal : normal) |
                               ((bits >> 16) & 0x8000));
}

// Of a finite half.
inline float float_of_half(uint16_t half) {
  constexpr uint32_t kBias = 0x38000000, kLeastNormal = 0x38800000;
  const uint32_t magnitude = static_cast<uint32_t>(half & 0x7fff) << 13;
  const float normal = std::bit_cast<float>(magnitude + kBias);
  const float subnormal =
      std::bit_cast<float>(magnitude + kLeastNormal) - std::bit_cast<float>(kLeastNormal);
  const uint32_t bits = std::bit_cast<uint32_t>(magnitude < 0x00800000 ? subnormal : normal);
  return std::bit_cast<float>(bits | static_cast<uint32_t>(half & 0x8000) << 16);
}
inline bool is_finite_half(uint16_t half) { return (half & 0x7c00) != 0x7c00; }

// Nearest, ties to even, of a finite float; what would round to infinity stays the largest number.
inline uint16_t bfloat_of(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return static_cast<uint16_t>((rounded & 0x7fff) < 0x7f80 ? rounded : rounded - 1);
}
inline float float_of_bfloat(uint16_t bfloat) {
  return std::bit_cast<float>(static_cast<uint32_t>(bfloat) << 16);
}
inline bool is_finite_bfloat(uint16_t bfloat) { return (bfloat & 0x7f80) != 0x7f80; }

}  // namespace trireme::ps
