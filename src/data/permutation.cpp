#include "data/permutation.h"

#include <bit>

#include "base/rng.h"

namespace trireme {
namespace {
constexpr int kRounds = 6;
}

Permutation::Permutation(uint64_t n, uint64_t key) : n_(n), key_(key) {
  half_bits_ = (std::bit_width(n - 1) + 1) / 2;
  mask_ = (uint64_t{1} << half_bits_) - 1;
}

uint64_t Permutation::round(int r, uint64_t half) const {
  return mix(key_ + static_cast<uint64_t>(r), half) & mask_;
}

uint64_t Permutation::encrypt(uint64_t x) const {
  uint64_t left = x >> half_bits_, right = x & mask_;
  for (int r = 0; r < kRounds; ++r) {
    const uint64_t next = left ^ round(r, right);
    left = right;
    right = next;
  }
  return left << half_bits_ | right;
}

uint64_t Permutation::decrypt(uint64_t x) const {
  uint64_t left = x >> half_bits_, right = x & mask_;
  for (int r = kRounds - 1; r >= 0; --r) {
    const uint64_t before = right ^ round(r, left);
    right = left;
    left = before;
  }
  return left << half_bits_ | right;
}

uint64_t Permutation::at(uint64_t i) const {
  do i = encrypt(i);
  while (i >= n_);
  return i;
}

uint64_t Permutation::position_of(uint64_t v) const {
  do v = decrypt(v);
  while (v >= n_);
  return v;
}

}  // namespace trireme
