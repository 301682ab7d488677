#pragma once
// Sums in bf16 as devices take them: each partial sum is rounded to nearest even.

#include <bit>
#include <cstdint>

namespace trireme {

struct Bf16Number {
  uint16_t bits = 0;
  Bf16Number& operator+=(Bf16Number other) {
    const auto wide = [](uint16_t b) { return std::bit_cast<float>(uint32_t{b} << 16); };
    const auto sum = std::bit_cast<uint32_t>(wide(bits) + wide(other.bits));
    bits = static_cast<uint16_t>((sum + 0x7fff + (sum >> 16 & 1)) >> 16);
    return *this;
  }
};

}  // namespace trireme
