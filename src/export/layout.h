#pragma once
// Between the logical order of files (N,C,H,W) and the order in memory (N,H,W,C), where a node's
// values are images; a copy where they are not. `from` and `to` must not overlap.

#include "model/graph.h"
#include "tensor/buffer.h"

namespace trireme {

void to_memory_order(const Node& node, int64_t samples, const float* logical, float* memory);
void to_logical_order(const Node& node, int64_t samples, const float* memory, float* logical);
HostTensor to_logical_tensor(const Node& node, int64_t samples, const float* memory);

}  // namespace trireme
