#include "data/block_order.h"

#include <algorithm>

#include "base/rng.h"
#include "data/permutation.h"

namespace trireme {

BlockOrder::BlockOrder(uint64_t n, uint64_t block)
    : n_(n), block_(block), blocks_((n + block - 1) / block), missing_(blocks_ * block - n) {}

uint64_t BlockOrder::at(uint64_t key, uint64_t position) const {
  const Permutation blocks(blocks_, mix(key, hash_name("blocks")));
  const uint64_t short_slot = blocks.position_of(blocks_ - 1), short_group = short_slot / kGroup;
  // Where the shorter block lies, everything after it moves forward by what it lacks.
  const uint64_t full = kGroup * block_;
  const auto start = [&](uint64_t g) {
    return std::min(g * full - (g > short_group ? missing_ : 0), n_);
  };
  const uint64_t group =
      position < start(short_group + 1) ? position / full : (position + missing_) / full;

  const uint64_t begin = start(group), size = start(group + 1) - begin;
  const uint64_t inside = Permutation(size, mix(key, group)).at(position - begin);
  const uint64_t short_begin =
      (short_slot - group * kGroup) * block_;  // used in the short block's group only
  const bool after = group == short_group && inside >= short_begin + block_ - missing_;
  const uint64_t padded = inside + (after ? missing_ : 0);
  return blocks.at(group * kGroup + padded / block_) * block_ + padded % block_;
}

}  // namespace trireme
