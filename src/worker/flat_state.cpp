#include "worker/flat_state.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace trireme {

FlatState::~FlatState() {
  for (AlignedBuffer& buffer : buffers_) pool_->push_back(std::move(buffer));
}

void FlatState::add(const std::string& prefix, const ParamTable& table, const float* flat) {
  const size_t bytes = static_cast<size_t>(table.size()) * sizeof(float);
  const auto spare = std::find_if(pool_->begin(), pool_->end(),
                                  [&](const AlignedBuffer& b) { return b.size() == bytes; });
  if (spare == pool_->end()) {
    buffers_.emplace_back(bytes);
  } else {
    buffers_.push_back(std::move(*spare));
    pool_->erase(spare);
  }
  AlignedBuffer& copy = buffers_.back();
  std::memcpy(copy.data(), flat, copy.size());
  for (const Slot& slot : table.slots()) {
    entries_.push_back({prefix + slot.name, &slot, buffers_.size() - 1});
    list_.push_back({prefix + slot.name, slot.logical, DType::f32});
  }
}

void FlatState::read(const TensorMeta& tensor, std::span<std::byte> out) {
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& e) { return e.name == tensor.name; });
  if (entry == entries_.end()) throw FormatError("the snapshot has no tensor " + tensor.name);
  to_logical(*entry->slot, buffers_[entry->buffer].floats() + entry->slot->offset,
             reinterpret_cast<float*>(out.data()));
}

}  // namespace trireme
