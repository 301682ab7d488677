#pragma once
// An optimizer: which state it keeps, and one step over any range of the index space. No state of
// its own; disjoint ranges may be stepped from any thread.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/experiment.h"
#include "kernels/kernel_table.h"
#include "optim/optimizer_rules.h"
#include "tensor/param_table.h"

namespace trireme {

// Flat buffers over the ParamTable's indices. Unused ones are null.
struct OptimizerBuffers {
  const float* grad = nullptr;  // the SUM over samples; scaled by OptimizerScalars::grad_scale
  float* weights = nullptr;
  float* state[3] = {nullptr, nullptr, nullptr};
  float* ema = nullptr;
  Element* low = nullptr;  // the weights' low-precision copy, of the kernel table's element
};

class Optimizer {
 public:
  explicit Optimizer(const OptimizerConfig& config);
  const OptimizerSpec& spec() const { return spec_; }
  // Names of the moments in the order of OptimizerBuffers::state, as checkpoints spell them:
  // sgd with momentum: {"momentum_buffer"}; adam, adamw: {"exp_avg", "exp_avg_sq"}; adagrad:
  // {"sum"}; rmsprop: {"square_avg"[, "momentum_buffer"][, "grad_avg"]}; ftrl: {"ftrl_z",
  // "ftrl_n"}.
  std::span<const std::string> state() const { return state_; }
  float initial_state(int i) const;  // adagrad's initial_accumulator; else 0

  // Steps the elements of `range` that `rules` do not leave alone, in one call of the kernel.
  // Scalars, buffers and the arrays of the rules are memory of the kernels' device.
  Status step(const KernelTable& kernels, const SlotRules& rules, Range range,
              const OptimizerScalars* scalars, const OptimizerBuffers& buffers,
              Stream* stream) const;
  // The table's rules for step().
  OptimizerRules rules(const ParamTable& table) const { return {table, decay_all_}; }

 private:
  OptimizerSpec spec_{};
  std::vector<std::string> state_;
  bool decay_all_ = false;
};

// Slot rules of the graph from lr_scale, decay_scale and freeze (patterns over slot names).
// Throws ConfigError when a pattern matches nothing (the caller passes the names).

}  // namespace trireme
