#pragma once
// Counter-based random numbers: Philox4x32-10 (Salmon et al., SC'11). A number is a function of its
// key and counter alone, never of a thread, rank or earlier draw.

#include <array>
#include <cstdint>
#include <string_view>

namespace trireme {

// FNV-1a, 64 bits: turns a name into half of a key.
constexpr uint64_t hash_name(std::string_view name) {
  uint64_t h = 0xcbf29ce484222325u;
  for (char c : name) h = (h ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return h;
}

// SplitMix64's finaliser (Steele et al., OOPSLA'14): mixes two words into one.
constexpr uint64_t mix(uint64_t a, uint64_t b) {
  uint64_t z = a + 0x9e3779b97f4a7c15u * (b + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

using Philox4 = std::array<uint32_t, 4>;

// Four 32-bit words for a 128-bit counter (low, high) under a 64-bit key.
constexpr Philox4 philox(uint64_t key, uint64_t low, uint64_t high) {
  uint32_t c0 = static_cast<uint32_t>(low), c1 = static_cast<uint32_t>(low >> 32);
  uint32_t c2 = static_cast<uint32_t>(high), c3 = static_cast<uint32_t>(high >> 32);
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c0, p1 = uint64_t{0xCD9E8D57u} * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {c0, c1, c2, c3};
}

// Uniform in [0, 1), 24 bits.
constexpr float to_unit_float(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }
// Uniform in [0, 1), 53 bits.
constexpr double to_unit_double(uint32_t high, uint32_t low) {
  return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
}

// Uniform in [0, n), n >= 1. The modulo bias is below n / 2^64.
constexpr uint64_t to_below(uint32_t high, uint32_t low, uint64_t n) {
  return (uint64_t{high} << 32 | low) % n;
}

}  // namespace trireme
