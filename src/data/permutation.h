#pragma once
// A pseudo-random permutation of [0, n) that stores nothing.

#include <cstdint>

namespace trireme {

// A balanced Feistel network over the smallest even number of bits that holds n, with cycle walking
// (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002). n >= 1.
class Permutation {
 public:
  Permutation(uint64_t n, uint64_t key);
  uint64_t at(uint64_t i) const;           // i < n
  uint64_t position_of(uint64_t v) const;  // the i with at(i) == v

 private:
  uint64_t round(int r, uint64_t half) const;
  uint64_t encrypt(uint64_t x) const;
  uint64_t decrypt(uint64_t x) const;

  uint64_t n_, key_, mask_;
  int half_bits_;
};

}  // namespace trireme
