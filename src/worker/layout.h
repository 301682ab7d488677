#pragma once
// Between logical order (N,C,H,W), which files and users have, and memory order (N,H,W,C), which
// programs have.

#include <map>
#include <string>

#include "tensor/buffer.h"
#include "tensor/param_table.h"

namespace trireme {

// sample: C,H,W (permuted) or anything else (copied).
void to_memory_order(const Shape& sample, int64_t n, const float* logical, float* memory);
void to_logical_order(const Shape& sample, int64_t n, const float* memory, float* logical);
HostTensor to_logical_batch(const Shape& sample, int64_t n, const float* memory);

// A flat buffer as logical tensors by slot name.
std::map<std::string, HostTensor> logical_tensors(const ParamTable& table, const float* flat);

}  // namespace trireme
