#pragma once
// The order of samples: a pure function of (seed, epoch, position).

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/source.h"

namespace trireme {

class Order {
 public:
  virtual ~Order() = default;
  virtual int64_t epoch_size() const = 0;
  virtual SampleKey at(uint64_t epoch, uint64_t position) const = 0;  // thread-safe
};

// full: a permutation of all samples, new each epoch (a Feistel network with cycle walking: nothing
// is stored). block: blocks permuted, then permuted within groups of 16 blocks. sequential: as
// stored. class_balanced: position p draws class p-th uniformly, then a sample of it with
// replacement.
std::unique_ptr<Order> make_order(const DataConfig& config, const DataSource& source, uint64_t seed,
                                  bool training);

}  // namespace trireme
