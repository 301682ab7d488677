#pragma once
// Training's state in the memory of a device: each flat buffer whole, on every rank, changed by the
// steps that run on the device's stream. The host sees copies, fetched when it asks.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "model/graph.h"
#include "optim/optimizer.h"
#include "tensor/device.h"
#include "worker/device/device_snapshot.h"
#include "worker/device/memory_needs.h"
#include "worker/training_state.h"

namespace trireme {

class DeviceState final : public TrainingState {
 public:
  // Weights start at zero: call initialise() or restore(). All must outlive this.
  // scaling: gradients are scaled; its start is where a new scale begins.
  DeviceState(const Device& device, Communicator& comm, const Graph& graph,
              const Optimizer& optimizer, bool ema, std::optional<LossScaling> scaling,
              double timeout);
  ~DeviceState() override;

  // Of device memory. checkpoints: this rank writes some, from a copy.
  static std::vector<MemoryNeed> needs(const Graph& graph, const Optimizer& optimizer, bool ema,
                                       ElementType element, bool checkpoints);

  // Where steps run, and what they read and change: device memory.
  const DeviceStream& stream() const { return stream_; }
  const OptimizerBuffers& buffers() const { return buffers_; }  // `grad` is gradients()
  float* gradients() const { return gradients_.floats(); }
  float* running() const { return running_.floats(); }
  LossScale* loss_scale() const { return reinterpret_cast<LossScale*>(loss_scale_.data()); }
  // The weights as plans read them; null where these are fp32.
  const std::byte* low() const { return low_.data(); }
  // What evaluations run with: the average where there is one. evaluated_low() makes its copy anew.
  const float* evaluated() const { return buffers_.ema ? buffers_.ema : buffers_.weights; }
  const std::byte* evaluated_low();

  void initialise(const float* params, const float* state) override;
  void restore(const TensorReader& read) override;
  const float* params() const override { return fetch(host_params_, weights_); }
  const float* averaged_params() const override;
  const float* state() const override { return fetch(host_state_, running_); }
  bool owns_state() const override { return true; }
  std::unique_ptr<StateSource> snapshot(bool writes) override;
  void fail(std::string_view why) noexcept override;

 private:
  struct Part {  // of what a checkpoint holds
    std::string prefix;
    const ParamTable* table;
    const DeviceBuffer* buffer;
  };
  std::vector<Part> parts() const;
  DeviceBuffer flat(int64_t elements, const char* what) const;
  // A host copy of a device buffer as of the work on the stream so far.
  const float* fetch(AlignedBuffer& host, const DeviceBuffer& device) const;
  void upload(const DeviceBuffer& to, const float* from) const;
  void narrow(const DeviceBuffer& from, const DeviceBuffer& to) const;

  const Device& device_;
  Communicator& comm_;
  const ParamTable& params_;
  const ParamTable& state_;
  const std::vector<std::string> moment_names_;
  const std::optional<LossScaling> scaling_;
  const ParamTable scale_table_;  // of the one slot that is a LossScale
  const double timeout_;
  DeviceStream stream_;
  DeviceBuffer weights_, gradients_, running_, ema_, low_, low_ema_, loss_scale_;
  std::vector<DeviceBuffer> moments_;
  OptimizerBuffers buffers_;
  mutable AlignedBuffer host_params_, host_average_, host_state_;
  std::shared_ptr<SnapshotMemory> snapshot_memory_;
};

}  // namespace trireme
