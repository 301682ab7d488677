#pragma once
// One forward and backward pass outside of any run, for comparison with other frameworks.

#include <map>
#include <string>

#include "config/experiment.h"
#include "tensor/buffer.h"
#include "tensor/device.h"

namespace trireme {

// batch: "input" (N,C,H,W or N,F; float32; a model of several inputs has one tensor for each, by
// name), "ids" (N, features, values; int64) where the model has tables, and "target" (N int64, or
// N[,K] float32); optional "weight" (N). Returns "loss" (scalar, the mean), "output" (logical
// layout) and the gradient of the mean loss by parameter name; of each table, the batch's keys and
// the gradients of their rows, as table.NAME.keys and table.NAME.rows. `weights` has rows in the
// same form; a key without one there has its initial row.
// Training mode, dropout off, batch norm over the whole batch. On `device`, with a batch in host
// memory. Throws ConfigError or FormatError naming a tensor that is missing or has another shape.
std::map<std::string, HostTensor> gradients(const Device& device, const Experiment& experiment,
                                            const std::map<std::string, HostTensor>& weights,
                                            const std::map<std::string, HostTensor>& batch);

// The initial parameters by name, logical layout. Of tables, the initial rows of the keys that the
// batch's "ids" look up, where it has any.
std::map<std::string, HostTensor> initial_weights(
    const Experiment& experiment, const std::map<std::string, HostTensor>& batch = {});

}  // namespace trireme
