// What DeviceRunner puts on the stream: the work of a step, and of a batch of an evaluation.
#include "worker/device/device_runner.h"

namespace trireme {

void DeviceRunner::enqueue(StepSlot& slot, Kind kind) {
  if (kind == Kind::evaluation) return enqueue_evaluation(slot);
  if (kind != Kind::update) enqueue_gradients(slot);
  if (kind != Kind::gradients) enqueue_update(slot);
}

// Forward and backward, and the sums over all ranks of what they leave.
void DeviceRunner::enqueue_gradients(StepSlot& slot) {
  const int64_t samples = slot.batch ? slot.batch->samples : 0;
  const Program& program = samples > 0 ? training_.at(samples) : training_.any();
  if (samples > 0) prepare(program);
  const std::vector<std::byte*> batch = fields(slot, program);
  if (buckets_) buckets_->begin();
  if (tables_) tables_->clear(state_.stream());
  Workspace ws = bind(slot, program);
  ws.fields = batch.data();
  ws.synced_samples = static_cast<double>(slot.plan.samples);
  if (samples > 0)
    run_leaf(slot, program, ws);
  else
    stand_in();
  // The sums reach all ranks, unlike an element of a bucket that is under way. A NaN.
  if (slot.settings.poison)
    device_.set_bytes(doubles_.all(), 0xff, sizeof(double), state_.stream());
  group_.all_reduce(doubles_.all(), static_cast<size_t>(doubles_.losses), state_.stream());
  if (buckets_) buckets_->finish();
}

void DeviceRunner::enqueue_update(StepSlot& slot) {
  update(slot);
  device_.copy(slot.sums.data(), doubles_.all(), slot.sums.size(), state_.stream());
  device_.copy(slot.verdict.data(), verdict_.data(), slot.verdict.size(), state_.stream());
  if (tables_)
    device_.copy(concluded_.data(), slot.scalars.data(), concluded_.size(), state_.stream());
  if (!slot.batch) return;
  const Program& program = training_.at(slot.batch->samples);
  fetch_output(slot, program, bind(slot, program));
}

void DeviceRunner::pack(const Program& program, const Workspace& ws) {
  program.pack(ws.params, own_.at(&program).packed.data(), 0, 1, ws.stream);
}

void DeviceRunner::run_leaf(StepSlot& slot, const Program& program, Workspace& ws) {
  if (program.packed_bytes() > 0) pack(program, ws);
  // Where a rank has no backward to send buckets from, all send them at the end: the order of
  // collectives is one for all ranks.
  GradSink* const sink = buckets_ && all_present(slot.plan) ? buckets_.get() : nullptr;
  for (int s = 0; s < program.segments(); ++s) {
    program.run(ws, s, doubles_.at(s), sink);
    meet(s);
    ws.synced = doubles_.at(s);
  }
}

// The sums of all ranks for what follows the segment.
void DeviceRunner::meet(int segment) {
  const int64_t doubles = training_.any().sync_doubles(segment);
  if (doubles > 0)
    group_.all_reduce(doubles_.at(segment), static_cast<size_t>(doubles), state_.stream());
}

// A rank without samples adds nothing to any sum.
void DeviceRunner::stand_in() {
  device_.set_bytes(doubles_.all(), 0, doubles_.memory.size(), state_.stream());
  device_.set_bytes(state_.gradients(), 0,
                    static_cast<size_t>(graph_.params().size()) * sizeof(float), state_.stream());
  for (int s = 0; s < training_.any().segments(); ++s) meet(s);
}

// The verdict, and what it allows: the optimizer and the running statistics.
void DeviceRunner::update(StepSlot& slot) {
  const KernelTable& k = device_.kernels();
  const Program& program = training_.any();
  Workspace ws = bind(slot, program);
  ws.synced_samples = static_cast<double>(slot.plan.samples);
  auto* scalars = reinterpret_cast<OptimizerScalars*>(slot.scalars.data());
  auto* partials = reinterpret_cast<double*>(partials_.data());
  const int64_t size = graph_.params().size();
  check(k.sums_of_squares(ws.stream, size, state_.gradients(), partials), "the gradient's norm");
  if (tables_)
    device_.copy(partials + graph_.params().chunks(), squares_.data(), squares_.size(),
                 state_.stream());
  const StepEnd end{partials_of(graph_), doubles_.losses / 2, options_.clip_norm,
                    state_.loss_scale(), options_.scaling.value_or(LossScaling{})};
  check(k.conclude_step(ws.stream, &end, partials, doubles_.all(), scalars,
                        reinterpret_cast<StepVerdict*>(verdict_.data())),
        "the verdict of the step");
  check(optimizer_.step(k, rules_, {0, size}, scalars, state_.buffers(), ws.stream),
        "the optimizer");
  std::vector<const double*> synced;
  for (int s = 0; s < program.segments(); ++s) synced.push_back(doubles_.at(s));
  program.update_state(ws, synced);
}

void DeviceRunner::fetch_output(StepSlot& slot, const Program& program, const Workspace& ws) const {
  const int64_t elements = program.samples() * graph_.node(graph_.output()).shape.elements();
  const float* output = program.output(ws);
  if (wide_output_.size() > 0) {
    check(device_.kernels().widen(ws.stream, elements, output, wide_output_.floats()),
          "widening the output");
    output = wide_output_.floats();
  }
  device_.copy(slot.output.data(), output, static_cast<size_t>(elements) * sizeof(float),
               state_.stream());
}

void DeviceRunner::enqueue_evaluation(StepSlot& slot) {
  if (slot.batch) {
    const Program& program = evaluation_.at(slot.batch->samples);
    prepare(program);
    const std::vector<std::byte*> batch = fields(slot, program);
    Workspace ws = bind(slot, program);
    ws.params = state_.evaluated();
    ws.low = state_.evaluated_low();
    ws.fields = batch.data();
    if (program.packed_bytes() > 0) pack(program, ws);
    program.run(ws, 0, nullptr, nullptr);
    fetch_output(slot, program, ws);
  } else {
    device_.set_bytes(doubles_.all(), 0, slot.sums.size(), state_.stream());
  }
  group_.all_reduce(doubles_.all(), static_cast<size_t>(doubles_.losses), state_.stream());
  device_.copy(slot.sums.data(), doubles_.all(), slot.sums.size(), state_.stream());
}

}  // namespace trireme
