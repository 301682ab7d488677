#include "worker/flat_state.h"

#include <algorithm>
#include <cstring>

namespace trireme {
namespace {

AlignedBuffer take(BufferPool& pool, size_t bytes) {
  const auto spare = std::find_if(pool.begin(), pool.end(),
                                  [&](const AlignedBuffer& b) { return b.size() == bytes; });
  if (spare == pool.end()) return AlignedBuffer(bytes);
  AlignedBuffer buffer = std::move(*spare);
  pool.erase(spare);
  return buffer;
}

}  // namespace

FlatState::FlatState(std::shared_ptr<BufferPool> pool, std::shared_ptr<CopyPending> pending)
    : pool_(std::move(pool)), pending_(std::move(pending)) {
  pending_->start();
}

FlatState::~FlatState() {
  for (Part& part : parts_)
    if (part.copy.size() > 0) pool_->push_back(std::move(part.copy));
  pending_->finish();
}

void FlatState::add(const std::string& prefix, const ParamTable& table, const float* flat) {
  tensors_.add(prefix, table);
  parts_.push_back({{flat, static_cast<size_t>(table.size())}, {}});
}

float* FlatState::room(const std::string& prefix, const ParamTable& table) {
  tensors_.add(prefix, table);
  parts_.push_back({{}, take(*pool_, static_cast<size_t>(table.size()) * sizeof(float))});
  return parts_.back().copy.floats();
}

void FlatState::capture() {
  for (Part& part : parts_) {
    if (part.original.empty()) continue;
    part.copy = take(*pool_, part.original.size_bytes());
    std::memcpy(part.copy.data(), part.original.data(), part.original.size_bytes());
  }
  pending_->finish();
}

void FlatState::read(const TensorMeta& tensor, std::span<std::byte> out) {
  const auto [slot, buffer] = tensors_.find(tensor.name);
  to_logical(*slot, parts_[buffer].copy.floats() + slot->offset,
             reinterpret_cast<float*>(out.data()));
}

std::span<const std::byte> FlatState::in_place(const TensorMeta& tensor) const {
  const auto [slot, buffer] = tensors_.find(tensor.name);
  return logical_in_place(*slot, parts_[buffer].copy.floats() + slot->offset);
}

void restore_flat(const TrainingState::TensorReader& read, const std::string& prefix,
                  const ParamTable& table, float* flat) {
  std::vector<float> logical;
  for (const Slot& slot : table.slots()) {
    logical.resize(static_cast<size_t>(slot.count));
    if (read({prefix + slot.name, slot.logical, DType::f32},
             std::as_writable_bytes(std::span(logical))))
      to_stored(slot, logical.data(), flat + slot.offset);
  }
}

}  // namespace trireme
