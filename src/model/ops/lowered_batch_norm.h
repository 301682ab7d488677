#pragma once
#include <memory>

#include "model/op.h"

namespace trireme {

struct BatchNormSettings {
  bool global;
  double momentum, epsilon;
  Activation activation;
  bool addend;
};

// By running statistics; no sync.
std::unique_ptr<Lowered> lower_batch_norm_inference(LowerContext& context,
                                                    const BatchNormSettings& settings);
// Syncs [sum x, sum x^2] before forward and [sum g, sum g xhat] before backward, 2 C doubles each.
// With stats = shard the leaf normalises by its own sums; the sync then only feeds the running
// statistics.
std::unique_ptr<Lowered> lower_batch_norm_training(LowerContext& context,
                                                   const BatchNormSettings& settings);

}  // namespace trireme
