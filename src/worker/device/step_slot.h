#pragma once
// What a step under way on a device has to itself: its batch and scalars in device memory, its
// results in pinned memory. Two slots alternate: one step computes while the next one's batch
// arrives.

#include <vector>

#include "data/source.h"
#include "kernels/kernel_table.h"
#include "model/graph.h"
#include "tensor/device.h"
#include "worker/device/byte_input.h"
#include "worker/step_runner.h"

namespace trireme {

struct StepSlotSpec {
  int64_t samples = 0;  // most, of any leaf
  // Of one sample. given_bytes: of an input that comes as bytes; 0: it comes as floats.
  size_t given_bytes = 0, input_bytes = 0, target_bytes = 0, weight_bytes = 0, id_bytes = 0,
         output_bytes = 0;
  int64_t sums = 0;             // doubles that come back
  size_t device_bytes() const;  // of one slot
};
// samples: the most of any leaf. bytes: inputs come as bytes.
StepSlotSpec slot_spec(const Schema& schema, const Graph& graph, int64_t samples, int64_t sums,
                       bool bytes);

struct StepSlot {
  StepSlot(const Device& device, const StepSlotSpec& spec);
  // Puts the batch and the scalars on their way; `ready` happens when they have arrived. The batch
  // and what `settings` says stay until then. Null batch: this rank has no samples. bytes: what
  // normalises inputs, behind their copy; null: they come as floats.
  void upload(const Device& device, const DeviceStream& copies, const LeafBatch* batch,
              const OptimizerScalars& scalars, const ByteInput* bytes);

  std::byte* at(BatchField field) const;  // on the device

  DeviceBuffer given, input, target, weight, ids, keys, scalars;  // device memory
  DeviceBuffer host_scalars, sums, verdict, output;               // pinned
  DeviceEvent ready, done;
  size_t given_bytes, input_bytes, target_bytes, weight_bytes, id_bytes;  // of one sample

  StepPlan plan;
  UpdateSettings settings;
  Loader* loader = nullptr;
  const LeafBatch* batch = nullptr;
  // Of the step thread.
  double data_seconds = 0, compute_seconds = 0, exchange_seconds = 0, optimizer_seconds = 0;
};

}  // namespace trireme
