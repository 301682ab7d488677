#pragma once
// The runs of elements that obey one rule (SlotRules), in the index space.

#include "kernels/kernel_table.h"

namespace trireme::cpu::TRIREME_LEVEL {

struct SlotRun {
  int64_t begin, end;
  const SlotRule* rule;
};

// The first of [at, end), as long as it goes; begin == end: none is left.
static inline SlotRun next_run(const SlotRules& r, int64_t at, int64_t end) {
  if (!r.blocks) return {at, end, r.rules};
  const auto stop_of = [&](int64_t block) { return block * kRuleBlock + r.blocks[block].count; };
  while (at < end && stop_of(at / kRuleBlock) <= at) at = (at / kRuleBlock + 1) * kRuleBlock;
  if (at >= end) return {end, end, nullptr};
  int64_t block = at / kRuleBlock;
  const uint8_t rule = r.blocks[block].rule;
  int64_t stop = stop_of(block);
  if (r.blocks[block].count == kRuleBlock) {  // to the end of its block: the next may go on
    const int64_t last = (end + kRuleBlock - 1) / kRuleBlock;
    for (++block; block < last; ++block)
      if (r.blocks[block].rule != rule || r.blocks[block].count != kRuleBlock) break;
    stop = block * kRuleBlock;
    if (block < last && r.blocks[block].rule == rule) stop += r.blocks[block].count;
  }
  return {at, stop < end ? stop : end, r.rules + rule};
}

}  // namespace trireme::cpu::TRIREME_LEVEL
