#include "worker/flat_tensors.h"

#include <algorithm>

#include "base/error.h"

namespace trireme {

std::span<const std::byte> logical_in_place(const Slot& slot, const float* stored) {
  if (!slot.permutation.empty()) return {};
  return std::as_bytes(std::span(stored, static_cast<size_t>(slot.logical.elements())));
}

size_t FlatTensors::add(const std::string& prefix, const ParamTable& table) {
  for (const Slot& slot : table.slots()) {
    places_.push_back({&slot, buffers_});
    list_.push_back({prefix + slot.name, slot.logical, DType::f32});
  }
  return buffers_++;
}

FlatTensors::Place FlatTensors::find(const std::string& name) const {
  const auto at = std::find_if(list_.begin(), list_.end(),
                               [&](const TensorMeta& tensor) { return tensor.name == name; });
  if (at == list_.end()) throw FormatError("the snapshot has no tensor " + name);
  return places_[static_cast<size_t>(at - list_.begin())];
}

}  // namespace trireme
