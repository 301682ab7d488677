#pragma once
// Weights by slot name in logical layout, and the flat stored buffers that programs read.

#include <map>
#include <string>

#include "model/graph.h"
#include "tensor/buffer.h"

namespace trireme {

// The tensor of `slot`; FormatError when it is missing, not f32 or of another shape (both are
// named).
const HostTensor& slot_tensor(const std::map<std::string, HostTensor>& weights, const Slot& slot);

// All slots of `table` in stored order; gaps are zero.
AlignedBuffer to_flat(const ParamTable& table, const std::map<std::string, HostTensor>& weights);
// The inverse: every slot's tensor, in logical layout.
std::map<std::string, HostTensor> from_flat(const ParamTable& table, const float* flat);

}  // namespace trireme
