#include "worker/device/device_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "worker/batch_fields.h"
#include "worker/buckets.h"
#include "worker/device/loss_scaling.h"

namespace trireme {

DeviceRunner::DeviceRunner(const Device& device, Communicator& comm, DeviceGroup& group,
                           const Graph& graph, DeviceState& state, ProgramSet& training,
                           ProgramSet& evaluation, const MetricSet& training_metrics,
                           const MetricSet& evaluation_metrics, const Optimizer& optimizer,
                           const Schema& schema, const DeviceRunnerOptions& options)
    : device_(device),
      group_(group),
      graph_(graph),
      state_(state),
      training_(training),
      evaluation_(evaluation),
      training_metrics_(training_metrics),
      evaluation_metrics_(evaluation_metrics),
      optimizer_(optimizer),
      options_(options),
      results_(comm, graph, options.labels, options.timeout),
      copies_(device.stream()) {
  doubles_.losses = 2 * static_cast<int64_t>(graph.losses().size());
  int64_t total = doubles_.losses;
  for (int s = 0; s < training.any().segments(); ++s) {
    doubles_.offsets.push_back(total);
    total += training.any().sync_doubles(s);
  }
  const auto on_device = [&](size_t bytes, const char* what) {
    return device.allocate(bytes, Memory::device, what);
  };
  doubles_.memory = on_device(static_cast<size_t>(total) * sizeof(double), "the sums of a step");
  arena_ = on_device(std::max(training.arena_bytes(), evaluation.arena_bytes()), "the activations");
  partials_ = on_device(static_cast<size_t>(graph.params().chunks()) * sizeof(double),
                        "the gradient's norms");
  verdict_ = on_device(sizeof(StepVerdict), "the verdict of a step");
  const OptimizerRules rules = optimizer.rules(graph.params());
  rule_blocks_ = copy_of(std::as_bytes(rules.blocks()), "the optimizer's rules");
  rule_table_ = copy_of(std::as_bytes(rules.rules()), "the optimizer's rules");
  rules_ = {reinterpret_cast<const SlotBlock*>(rule_blocks_.data()),
            reinterpret_cast<const SlotRule*>(rule_table_.data()),
            static_cast<int64_t>(rules.rules().size())};
  if (group.size() > 1)
    buckets_ = std::make_unique<DeviceBuckets>(device, group, state.stream(), state.gradients(),
                                               cut_buckets(graph.params().size(), options.bucket));
  const int64_t samples = std::max(training.max_samples(), evaluation.max_samples());
  if (device.kernels().element != ElementType::f32)
    wide_output_ = on_device(
        static_cast<size_t>(samples * graph.node(graph.output()).shape.elements()) * sizeof(float),
        "the output");
  for (auto& slot : slots_)
    slot = std::make_unique<StepSlot>(device, slot_spec(schema, graph, samples, doubles_.losses));
}

// Steps that nobody waited for may still use what goes now.
DeviceRunner::~DeviceRunner() {
  try {
    device_.synchronise();
  } catch (const Error&) {
  }
}

std::vector<MemoryNeed> DeviceRunner::needs(const Graph& graph, const ProgramSet& training,
                                            const ProgramSet& evaluation, const Schema& schema) {
  const int64_t samples = std::max(training.max_samples(), evaluation.max_samples());
  return {{"activations", std::max(training.arena_bytes(), evaluation.arena_bytes()),
           "train.batch_size, train.eval_batch_size, train.precision"},
          {"batches", kSlots * slot_spec(schema, graph, samples, 0).device_bytes(),
           "train.batch_size, train.eval_batch_size"},
          {"packed weights", training.packed_bytes() + evaluation.packed_bytes(), ""},
          {"norms", static_cast<size_t>(graph.params().chunks()) * sizeof(double), ""}};
}

void DeviceRunner::check(Status status, const char* what) const {
  if (status != Status::ok)
    throw DeviceError(fmt::format("{}: {} failed with status {}", device_.name(), what,
                                  static_cast<int>(status)));
}

const LeafBatch* DeviceRunner::load(StepSlot& slot, Loader& loader) const {
  const auto start = Clock::now();
  slot.loader = &loader;
  const SampleSpan span =
      leaf_span(slot.plan.begin, slot.plan.samples, options_.leaf, options_.shards);
  const LeafBatch* batch = span.size() > 0 ? &loader.get(slot.plan.step, 0) : nullptr;
  slot.data_seconds = seconds_since(start);
  return batch;
}

Workspace DeviceRunner::bind(const StepSlot& slot, const Program& program) const {
  Workspace ws;
  ws.arena = arena_.data();
  ws.params = state_.buffers().weights;
  ws.low = state_.low();
  ws.grads = state_.gradients();
  ws.state = state_.running();
  ws.keys = reinterpret_cast<const SampleKey*>(slot.keys.data());
  ws.sums = doubles_.all();
  ws.stream = state_.stream().get();
  if (const auto own = own_.find(&program); own != own_.end()) {
    if (own->second.constants.size() > 0) ws.constants = own->second.constants.floats();
    ws.packed = own->second.packed.data();
  }
  ws.scalars = reinterpret_cast<const OptimizerScalars*>(slot.scalars.data());
  ws.alone = group_.size() == 1;
  if (state_.loss_scale()) ws.loss_scale = &state_.loss_scale()->scale;
  return ws;
}

// The batch's fields in the program's order.
std::vector<std::byte*> DeviceRunner::fields(const StepSlot& slot, const Program& program) const {
  std::vector<std::byte*> result;
  for (const BatchField field : batch_fields(graph_, program)) result.push_back(slot.at(field));
  return result;
}

DeviceBuffer DeviceRunner::copy_of(std::span<const std::byte> values, const char* what) const {
  DeviceBuffer copy = device_.allocate(values.size(), Memory::device, what);
  device_.copy(copy.data(), values.data(), values.size(), state_.stream());
  device_.synchronise(state_.stream());  // the values may go
  return copy;
}

// When a program first runs.
void DeviceRunner::prepare(const Program& program) {
  if (own_.contains(&program)) return;
  own_.emplace(&program,
               Own{copy_of(std::as_bytes(program.constants()), "the constants of the layers"),
                   device_.allocate(program.packed_bytes(), Memory::device, "packed weights")});
}

void DeviceRunner::train(const StepPlan& plan, Loader& loader, const UpdateSettings& settings) {
  const size_t index = static_cast<size_t>(started_) % kSlots;
  StepSlot& slot = *slots_[index];
  slot.plan = plan;
  slot.settings = settings;
  slot.upload(device_, copies_, load(slot, loader), settings.scalars);
  device_.wait(state_.stream(), slot.ready);
  launch(slot, index, Kind::training);
  device_.record(slot.done, state_.stream());
  ++started_;
}

// The first step of a batch size runs as it is: libraries load their code then, which a recording
// does not allow.
void DeviceRunner::launch(StepSlot& slot, size_t index, Kind kind) {
  const auto work = [&] { kind == Kind::training ? enqueue(slot) : enqueue_evaluation(slot); };
  const Batch batch{kind, slot.plan.samples};
  const bool first = seen_.insert(batch).second;
  if (!options_.graph || first || slot.settings.poison) {
    work();
    return;
  }
  DeviceGraph& graph = graphs_[{batch, index}];
  if (!graph.get()) graph = device_.capture(state_.stream(), work);
  device_.launch(graph, state_.stream());
}

// Everything of a step, as work on the stream.
void DeviceRunner::enqueue(StepSlot& slot) {
  const int64_t samples = slot.batch ? slot.batch->samples : 0;
  const Program& program = samples > 0 ? training_.at(samples) : training_.any();
  if (samples > 0) prepare(program);
  const std::vector<std::byte*> batch = fields(slot, program);
  if (buckets_) buckets_->begin();
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
  update(slot, ws);
  device_.copy(slot.sums.data(), doubles_.all(), slot.sums.size(), state_.stream());
  device_.copy(slot.verdict.data(), verdict_.data(), slot.verdict.size(), state_.stream());
  if (samples > 0) fetch_output(slot, program, ws);
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
void DeviceRunner::update(StepSlot& slot, Workspace& ws) {
  const KernelTable& k = device_.kernels();
  Stream* const stream = ws.stream;
  auto* scalars = reinterpret_cast<OptimizerScalars*>(slot.scalars.data());
  auto* partials = reinterpret_cast<double*>(partials_.data());
  const int64_t size = graph_.params().size();
  check(k.sums_of_squares(stream, size, state_.gradients(), partials), "the gradient's norm");
  const StepEnd end{graph_.params().chunks(), doubles_.losses / 2, options_.clip_norm,
                    state_.loss_scale(), options_.scaling.value_or(LossScaling{})};
  check(k.conclude_step(stream, &end, partials, doubles_.all(), scalars,
                        reinterpret_cast<StepVerdict*>(verdict_.data())),
        "the verdict of the step");
  check(optimizer_.step(k, rules_, {0, size}, scalars, state_.buffers(), stream), "the optimizer");
  const Program& program = training_.any();
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

const StepResult* DeviceRunner::finished(bool wait) {
  const int64_t open = started_ - read_;
  if (open == 0 || (!wait && open <= (options_.overlap ? 1 : 0))) return nullptr;
  StepSlot& slot = *slots_[static_cast<size_t>(read_) % kSlots];
  const auto start = Clock::now();
  group_.wait(slot.done, {options_.timeout, "the step on the device", slot.plan.step});
  result_.verdict.requests =
      results_.read(slot, training_metrics_, slot.settings.requests, result_);
  result_.plan = slot.plan;
  result_.learning_rate = slot.settings.scalars.lr;
  StepVerdict verdict;
  std::memcpy(&verdict, slot.verdict.data(), sizeof verdict);
  result_.verdict.grad_norm = verdict.grad_norm;
  result_.verdict.finite = verdict.finite != 0;
  result_.verdict.applied = verdict.applied != 0;
  result_.verdict.too_large = verdict.too_large != 0;
  if (options_.scaling)
    result_.verdict.loss_scale = seen_scale(*options_.scaling, verdict.loss_scale);
  result_.data_seconds = slot.data_seconds;
  result_.compute_seconds = seconds_since(start);
  slot.loader->release(slot.plan.step);
  ++read_;
  return &result_;
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

const StepResult& DeviceRunner::evaluate(const StepPlan& plan, Loader& loader) {
  StepSlot& slot = *slots_.front();
  slot.plan = plan;
  slot.settings = {};
  slot.upload(device_, copies_, load(slot, loader), {});
  device_.wait(state_.stream(), slot.ready);
  launch(slot, 0, Kind::evaluation);
  device_.record(slot.done, state_.stream());
  group_.wait(slot.done, {options_.timeout, "the evaluation on the device", plan.step});
  (void)results_.read(slot, evaluation_metrics_, {}, result_);
  result_.data_seconds = slot.data_seconds;
  loader.release(plan.step);
  return result_;
}

}  // namespace trireme
