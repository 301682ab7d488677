#include "worker/device/device_snapshot.h"

#include <algorithm>
#include <cstring>

namespace trireme {
namespace {

constexpr size_t kPiece = size_t{8} << 20;  // a fifth of a millisecond of PCIe, and fits in a cache
constexpr const char* kWhat = "the copy of the state for a checkpoint";

}  // namespace

SnapshotMemory::SnapshotMemory(const Device& device)
    : device_(device), stream_(device.stream()), copied_(device.event()) {}

DeviceBuffer& SnapshotMemory::on_device(size_t index, size_t bytes) {
  if (buffers_.size() <= index) buffers_.resize(index + 1);
  if (buffers_[index].size() < bytes)
    buffers_[index] = device_.allocate(bytes, Memory::device, kWhat);
  return buffers_[index];
}

DeviceBuffer& SnapshotMemory::piece() {
  if (piece_.size() == 0) piece_ = device_.allocate(kPiece, Memory::pinned, kWhat);
  return piece_;
}

void DeviceSnapshot::add(const std::string& prefix, const ParamTable& table, const float* flat,
                         const DeviceStream& stream) {
  const size_t index = tensors_.add(prefix, table);
  bytes_.push_back(static_cast<size_t>(table.size()) * sizeof(float));
  if (bytes_.back() == 0) return;
  memory_->device().copy(memory_->on_device(index, bytes_.back()).data(), flat, bytes_.back(),
                         stream);
}

void DeviceSnapshot::seal(const DeviceStream& stream) {
  memory_->device().record(memory_->copied(), stream);
}

// What is read from now on, on the writer's stream, is behind the copy.
void DeviceSnapshot::capture() {
  memory_->device().make_current();
  memory_->device().wait(memory_->stream(), memory_->copied());
}

void DeviceSnapshot::read(const TensorMeta& tensor, std::span<std::byte> out) {
  const auto [slot, buffer] = tensors_.find(tensor.name);
  const auto* from = reinterpret_cast<const std::byte*>(
      memory_->on_device(buffer, bytes_[buffer]).floats() + slot->offset);
  if (slot->permutation.empty()) return fetch(from, out);
  stored_.resize(static_cast<size_t>(slot->count));
  fetch(from, std::as_writable_bytes(std::span(stored_)));
  to_logical(*slot, stored_.data(), reinterpret_cast<float*>(out.data()));
}

void DeviceSnapshot::fetch(const std::byte* from, std::span<std::byte> to) {
  const Device& device = memory_->device();
  const DeviceBuffer& piece = memory_->piece();
  for (size_t done = 0; done < to.size(); done += piece.size()) {
    const size_t bytes = std::min(piece.size(), to.size() - done);
    device.copy(piece.data(), from + done, bytes, memory_->stream());
    device.synchronise(memory_->stream());
    std::memcpy(to.data() + done, piece.data(), bytes);
  }
}

}  // namespace trireme
