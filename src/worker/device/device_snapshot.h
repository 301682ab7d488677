#pragma once
// The state as it was between two steps, on its way to a checkpoint. On the device's stream it is
// copied within the device, at memory speed; from there the writer's thread brings it to the host
// on a stream of its own, while the next steps run.

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/state.h"
#include "tensor/device.h"
#include "tensor/param_table.h"
#include "worker/flat_tensors.h"

namespace trireme {

// What snapshots copy into, made by the first and kept for those that follow. One at a time uses
// it.
class SnapshotMemory {
 public:
  explicit SnapshotMemory(const Device& device);
  const Device& device() const { return device_; }
  const DeviceStream& stream() const { return stream_; }  // of the writer's thread
  const DeviceEvent& copied() const { return copied_; }
  // Buffer `index` of at least `bytes`, on the device and pinned.
  DeviceBuffer& on_device(size_t index, size_t bytes);
  DeviceBuffer& on_host(size_t index, size_t bytes);

 private:
  const Device& device_;
  DeviceStream stream_;
  DeviceEvent copied_;
  std::vector<DeviceBuffer> device_buffers_, host_buffers_;
};

class DeviceSnapshot final : public StateSource {
 public:
  explicit DeviceSnapshot(std::shared_ptr<SnapshotMemory> memory) : memory_(std::move(memory)) {}
  // Copies table.size() floats as of the work on `stream` so far; tensor names are prefix + slot
  // name. The table must outlive this. seal() after the last.
  void add(const std::string& prefix, const ParamTable& table, const float* flat,
           const DeviceStream& stream);
  void seal(const DeviceStream& stream);

  void capture() override;
  const std::vector<TensorMeta>& list() const override { return tensors_.list(); }
  void read(const TensorMeta& tensor, std::span<std::byte> out) override;
  std::span<const std::byte> in_place(const TensorMeta& tensor) const override;

 private:
  std::shared_ptr<SnapshotMemory> memory_;
  std::vector<size_t> bytes_;  // by buffer
  FlatTensors tensors_;
};

}  // namespace trireme
