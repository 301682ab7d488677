#include "worker/device/device_snapshot.h"

namespace trireme {
namespace {

DeviceBuffer& at_least(const Device& device, std::vector<DeviceBuffer>& buffers, size_t index,
                       size_t bytes, Memory kind) {
  if (buffers.size() <= index) buffers.resize(index + 1);
  if (buffers[index].size() < bytes)
    buffers[index] = device.allocate(bytes, kind, "the copy of the state for a checkpoint");
  return buffers[index];
}

}  // namespace

SnapshotMemory::SnapshotMemory(const Device& device)
    : device_(device), stream_(device.stream()), copied_(device.event()) {}

DeviceBuffer& SnapshotMemory::on_device(size_t index, size_t bytes) {
  return at_least(device_, device_buffers_, index, bytes, Memory::device);
}

DeviceBuffer& SnapshotMemory::on_host(size_t index, size_t bytes) {
  return at_least(device_, host_buffers_, index, bytes, Memory::pinned);
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

void DeviceSnapshot::capture() {
  const Device& device = memory_->device();
  device.make_current();
  device.wait(memory_->stream(), memory_->copied());
  for (size_t i = 0; i < bytes_.size(); ++i)
    if (bytes_[i] > 0)
      device.copy(memory_->on_host(i, bytes_[i]).data(), memory_->on_device(i, bytes_[i]).data(),
                  bytes_[i], memory_->stream());
  device.synchronise(memory_->stream());
}

void DeviceSnapshot::read(const TensorMeta& tensor, std::span<std::byte> out) {
  const auto [slot, buffer] = tensors_.find(tensor.name);
  to_logical(*slot, memory_->on_host(buffer, bytes_[buffer]).floats() + slot->offset,
             reinterpret_cast<float*>(out.data()));
}

std::span<const std::byte> DeviceSnapshot::in_place(const TensorMeta& tensor) const {
  const auto [slot, buffer] = tensors_.find(tensor.name);
  return logical_in_place(*slot, memory_->on_host(buffer, bytes_[buffer]).floats() + slot->offset);
}

}  // namespace trireme
