#include "export/slots.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace trireme {

const HostTensor& slot_tensor(const std::map<std::string, HostTensor>& weights, const Slot& slot) {
  const auto found = weights.find(slot.name);
  if (found == weights.end())
    throw FormatError(fmt::format("the weights lack {} {}", slot.name, slot.logical.str()),
                      "the weights belong to another model");
  const HostTensor& tensor = found->second;
  if (tensor.dtype != DType::f32 || tensor.shape != slot.logical)
    throw FormatError(fmt::format("{} is {} {}, the model needs float32 {}", slot.name,
                                  name_of(tensor.dtype), tensor.shape.str(), slot.logical.str()),
                      "the weights belong to another model");
  return tensor;
}

AlignedBuffer to_flat(const ParamTable& table, const std::map<std::string, HostTensor>& weights) {
  // At least one element: a model without weights still hands a pointer to its program.
  AlignedBuffer flat(sizeof(float) * static_cast<size_t>(std::max<int64_t>(table.size(), 1)));
  for (const Slot& slot : table.slots())
    to_stored(slot, slot_tensor(weights, slot).floats().data(), flat.floats() + slot.offset);
  return flat;
}

std::map<std::string, HostTensor> from_flat(const ParamTable& table, const float* flat) {
  std::map<std::string, HostTensor> tensors;
  for (const Slot& slot : table.slots()) {
    HostTensor tensor = HostTensor::zeros(slot.logical);
    to_logical(slot, flat + slot.offset, tensor.floats().data());
    tensors.emplace(slot.name, std::move(tensor));
  }
  return tensors;
}

}  // namespace trireme
