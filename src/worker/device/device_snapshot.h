#pragma once
// The state as it was between two steps, on its way to a checkpoint. On the device's stream it is
// copied within the device, at memory speed: that is all that a step waits for. From there the
// writer's thread brings it to the host, piece by piece as it writes, on a stream of its own.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/state.h"
#include "tensor/device.h"
#include "tensor/param_table.h"
#include "worker/flat_tensors.h"

namespace trireme {

// What snapshots copy into and read through. One at a time uses it. Taking memory may wait for the
// device and hold up whoever calls it meanwhile, so that who writes checkpoints takes it before the
// first step.
class SnapshotMemory {
 public:
  explicit SnapshotMemory(const Device& device);
  const Device& device() const { return device_; }
  const DeviceStream& stream() const { return stream_; }  // of the writer's thread
  const DeviceEvent& copied() const { return copied_; }
  // Buffer `index` of at least `bytes`, on the device.
  DeviceBuffer& on_device(size_t index, size_t bytes);
  // Pinned: what is on its way from the device.
  DeviceBuffer& piece();

 private:
  const Device& device_;
  DeviceStream stream_;
  DeviceEvent copied_;
  std::vector<DeviceBuffer> buffers_;
  DeviceBuffer piece_;
};

class DeviceSnapshot final : public StateSource {
 public:
  explicit DeviceSnapshot(std::shared_ptr<SnapshotMemory> memory) : memory_(std::move(memory)) {}
  // Copies table.size() floats as of the work on `stream` so far; tensor names are prefix + slot
  // name. The table must outlive this. seal() after the last.
  void add(const std::string& prefix, const ParamTable& table, const float* flat,
           const DeviceStream& stream);
  void seal(const DeviceStream& stream);

  // These two from the writer's thread.
  void capture() override;
  void read(const TensorMeta& tensor, std::span<std::byte> out) override;
  const std::vector<TensorMeta>& list() const override { return tensors_.list(); }

 private:
  void fetch(const std::byte* from, std::span<std::byte> to);

  std::shared_ptr<SnapshotMemory> memory_;
  std::vector<size_t> bytes_;  // by buffer
  FlatTensors tensors_;
  std::vector<float> stored_;  // a tensor that is stored in another order than the checkpoint's
};

}  // namespace trireme
