#include "worker/device/step_slot.h"

#include <array>
#include <cstring>

namespace trireme {

StepSlotSpec slot_spec(const Schema& schema, const Graph& graph, int64_t samples, int64_t sums,
                       bool bytes) {
  StepSlotSpec spec;
  spec.samples = samples;
  spec.input_bytes = static_cast<size_t>(schema.input.elements()) * sizeof(float);
  spec.given_bytes = bytes ? static_cast<size_t>(schema.input.elements()) : 0;
  spec.target_bytes = schema.classes > 0 ? sizeof(int64_t)
                                         : static_cast<size_t>(schema.target_width) * sizeof(float);
  spec.weight_bytes = schema.weighted ? sizeof(float) : 0;
  spec.id_bytes = static_cast<size_t>(schema.ids()) * sizeof(int64_t);
  spec.output_bytes =
      static_cast<size_t>(graph.node(graph.output()).shape.elements()) * sizeof(float);
  spec.sums = sums;
  return spec;
}

size_t StepSlotSpec::device_bytes() const {
  return static_cast<size_t>(samples) * (given_bytes + input_bytes + target_bytes + weight_bytes +
                                         id_bytes + sizeof(SampleKey)) +
         sizeof(OptimizerScalars);
}

StepSlot::StepSlot(const Device& device, const StepSlotSpec& spec)
    : ready(device.event()),
      done(device.event()),
      given_bytes(spec.given_bytes),
      input_bytes(spec.input_bytes),
      target_bytes(spec.target_bytes),
      weight_bytes(spec.weight_bytes),
      id_bytes(spec.id_bytes) {
  const auto samples = static_cast<size_t>(spec.samples);
  const auto on_device = [&](size_t bytes) {
    return device.allocate(bytes, Memory::device, "the batch");
  };
  const auto pinned = [&](size_t bytes) {
    return device.allocate(bytes, Memory::pinned, "the results of a step");
  };
  given = on_device(samples * spec.given_bytes);
  input = on_device(samples * spec.input_bytes);
  target = on_device(samples * spec.target_bytes);
  weight = on_device(samples * spec.weight_bytes);
  ids = on_device(samples * spec.id_bytes);
  keys = on_device(samples * sizeof(SampleKey));
  scalars = on_device(sizeof(OptimizerScalars));
  host_scalars = pinned(sizeof(OptimizerScalars));
  sums = pinned(static_cast<size_t>(spec.sums) * sizeof(double));
  verdict = pinned(sizeof(StepVerdict));
  output = pinned(samples * spec.output_bytes);
}

std::byte* StepSlot::at(BatchField field) const {
  const std::array<const DeviceBuffer*, kBatchFields> buffers = {&input, &target, &weight, &ids};
  return buffers[static_cast<size_t>(field)]->data();
}

void StepSlot::upload(const Device& device, const DeviceStream& copies, const LeafBatch* leaf,
                      const OptimizerScalars& of_step, const ByteInput* bytes) {
  batch = leaf;
  std::memcpy(host_scalars.data(), &of_step, sizeof of_step);
  device.copy(scalars.data(), host_scalars.data(), sizeof of_step, copies);
  if (leaf) {
    const auto n = static_cast<size_t>(leaf->samples);
    const auto copy = [&](const DeviceBuffer& to, BatchField from, size_t each) {
      if (each > 0) device.copy(to.data(), leaf->at(from), n * each, copies);
    };
    if (bytes) {
      copy(given, BatchField::input, given_bytes);
      bytes->normalise(given.data(), leaf->samples, input.floats(), copies);
    } else {
      copy(input, BatchField::input, input_bytes);
    }
    copy(target, BatchField::target, target_bytes);
    copy(weight, BatchField::weight, weight_bytes);
    copy(ids, BatchField::ids, id_bytes);
    device.copy(keys.data(), leaf->keys, n * sizeof(SampleKey), copies);
  }
  device.record(ready, copies);
}

}  // namespace trireme
