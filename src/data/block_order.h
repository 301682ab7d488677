#pragma once
// Shuffling for data too large to permute: reads stay within a few blocks at a time.

#include <cstdint>

namespace trireme {

// Blocks of `block` consecutive samples (the last may be shorter) are permuted; samples are then
// permuted within groups of kGroup neighbouring blocks. A permutation of [0, n) for each key.
class BlockOrder {
 public:
  static constexpr uint64_t kGroup = 16;
  BlockOrder(uint64_t n, uint64_t block);
  uint64_t at(uint64_t key, uint64_t position) const;

 private:
  uint64_t n_, block_, blocks_, missing_;  // missing_: samples that the last block lacks
};

}  // namespace trireme
