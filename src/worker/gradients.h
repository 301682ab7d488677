#pragma once
// One forward and backward pass outside of any run, for comparison with other frameworks.

#include <map>
#include <string>

#include "config/experiment.h"
#include "tensor/buffer.h"
#include "tensor/device.h"

namespace trireme {

// batch: "input" (N,C,H,W or N,F; float32; a model of several inputs has one tensor for each, by
// name) and "target" (N int64, or N[,K] float32); optional
// "weight" (N). Returns "loss" (scalar, the mean), "output" (logical layout) and the gradient of
// the mean loss by parameter name. Training mode, dropout off, batch norm over the whole batch.
// On `device`, with a batch in host memory. Throws ConfigError naming a tensor that is missing or
// has another shape.
std::map<std::string, HostTensor> gradients(const Device& device, const Experiment& experiment,
                                            const std::map<std::string, HostTensor>& weights,
                                            const std::map<std::string, HostTensor>& batch);

// The initial parameters by name, logical layout.
std::map<std::string, HostTensor> initial_weights(const Experiment& experiment);

}  // namespace trireme
