#pragma once
// Which factors of learning rate and weight decay every element of the index space obeys, as the
// kernel reads it: for each block of kRuleBlock elements a rule and how many elements obey it.
// Frozen slots and gaps obey none.

#include <span>
#include <vector>

#include "kernels/kernel_table.h"
#include "tensor/param_table.h"

namespace trireme {

class OptimizerRules {
 public:
  // Weight decay is 0 for slots with decays == false, unless decay_all. Throws ConfigError where
  // the slots have more than kMostRules different pairs of factors.
  OptimizerRules(const ParamTable& table, bool decay_all);
  // What a device needs a copy of. Never empty but for a table without elements.
  std::span<const SlotBlock> blocks() const { return blocks_; }  // of the index space, in order
  std::span<const SlotRule> rules() const { return rules_; }
  // For the CPU; valid as long as this object.
  SlotRules on_host() const {
    return {blocks_.data(), rules_.data(), static_cast<int64_t>(rules_.size())};
  }

 private:
  std::vector<SlotBlock> blocks_;
  std::vector<SlotRule> rules_;  // at least one
};

}  // namespace trireme
