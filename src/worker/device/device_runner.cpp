#include "worker/device/device_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"

namespace trireme {
namespace {

StepSlotSpec slot_spec(const Schema& schema, const Graph& graph, int64_t samples, int64_t sums) {
  StepSlotSpec spec;
  spec.samples = samples;
  spec.input_bytes = static_cast<size_t>(schema.input.elements()) * sizeof(float);
  spec.target_bytes = schema.classes > 0 ? sizeof(int64_t)
                                         : static_cast<size_t>(schema.target_width) * sizeof(float);
  spec.weight_bytes = schema.weighted ? sizeof(float) : 0;
  spec.output_bytes =
      static_cast<size_t>(graph.node(graph.output()).shape.elements()) * sizeof(float);
  spec.sums = sums;
  return spec;
}

}  // namespace

DeviceRunner::DeviceRunner(const Device& device, Communicator& comm, const Graph& graph,
                           DeviceState& state, ProgramSet& training, ProgramSet& evaluation,
                           const MetricSet& training_metrics, const MetricSet& evaluation_metrics,
                           const Optimizer& optimizer, const Schema& schema,
                           const DeviceRunnerOptions& options)
    : device_(device),
      comm_(comm),
      graph_(graph),
      state_(state),
      training_(training),
      evaluation_(evaluation),
      training_metrics_(training_metrics),
      evaluation_metrics_(evaluation_metrics),
      optimizer_(optimizer),
      options_(options),
      copies_(device.stream()) {
  for (NodeId loss : graph.losses()) loss_weights_.push_back(graph.node(loss).loss_weight);
  doubles_.losses = 2 * static_cast<int64_t>(loss_weights_.size());
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
  const int64_t samples = std::max(training.max_samples(), evaluation.max_samples());
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

size_t DeviceRunner::bytes() const {
  size_t total = arena_.size() + partials_.size() + verdict_.size() + doubles_.memory.size();
  for (const auto& slot : slots_)
    total += slot->input.size() + slot->target.size() + slot->weight.size() + slot->keys.size();
  for (const auto& [program, constants] : constants_) total += constants.size();
  return total;
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

Workspace DeviceRunner::bind(const StepSlot& slot, const Program& program,
                             const float* params) const {
  Workspace ws;
  ws.arena = arena_.data();
  ws.params = params;
  ws.grads = state_.gradients();
  ws.state = state_.running();
  ws.keys = reinterpret_cast<const SampleKey*>(slot.keys.data());
  ws.sums = doubles_.all();
  ws.stream = state_.stream().get();
  const auto constants = constants_.find(&program);
  if (constants != constants_.end()) ws.constants = constants->second.floats();
  ws.scalars = reinterpret_cast<const OptimizerScalars*>(slot.scalars.data());
  return ws;
}

// The batch's fields in the program's order.
std::vector<std::byte*> DeviceRunner::fields(const StepSlot& slot, const Program& program) const {
  std::vector<std::byte*> result;
  for (const std::string& name : program.fields()) {
    const DeviceBuffer& buffer = name == "weight" ? slot.weight
                                 : result.empty() ? slot.input
                                                  : slot.target;
    result.push_back(buffer.data());
  }
  return result;
}

DeviceBuffer DeviceRunner::copy_of(std::span<const std::byte> values, const char* what) const {
  DeviceBuffer copy = device_.allocate(values.size(), Memory::device, what);
  device_.copy(copy.data(), values.data(), values.size(), state_.stream());
  device_.synchronise(state_.stream());  // the values may go
  return copy;
}

// Numbers that kernels read, copied to the device when a program first runs.
void DeviceRunner::upload_constants(const Program& program) {
  const auto values = program.constants();
  if (values.empty() || constants_.contains(&program)) return;
  constants_.emplace(&program, copy_of(std::as_bytes(values), "the constants of the layers"));
}

void DeviceRunner::train(const StepPlan& plan, Loader& loader, const UpdateSettings& settings) {
  const size_t index = static_cast<size_t>(started_) % kSlots;
  StepSlot& slot = *slots_[index];
  slot.plan = plan;
  slot.settings = settings;
  slot.upload(device_, copies_, load(slot, loader), settings.scalars);
  device_.wait(state_.stream(), slot.ready);
  launch(slot, index);
  device_.record(slot.done, state_.stream());
  ++started_;
}

// The first step of a batch size runs as it is: libraries load their code then, which a recording
// does not allow.
void DeviceRunner::launch(StepSlot& slot, size_t index) {
  const int64_t samples = slot.plan.samples;
  const bool first = seen_.insert(samples).second;
  if (!options_.graph || first || slot.settings.poison) {
    enqueue(slot);
    return;
  }
  DeviceGraph& graph = graphs_[{samples, index}];
  if (!graph.get()) graph = device_.capture(state_.stream(), [&] { enqueue(slot); });
  device_.launch(graph, state_.stream());
}

// Everything of a step, as work on the stream.
void DeviceRunner::enqueue(StepSlot& slot) {
  const int64_t samples = slot.batch ? slot.batch->samples : 0;
  const Program& program = samples > 0 ? training_.at(samples) : training_.any();
  if (samples > 0) upload_constants(program);
  const std::vector<std::byte*> batch = fields(slot, program);
  Workspace ws = bind(slot, program, state_.buffers().weights);
  ws.fields = batch.data();
  ws.synced_samples = static_cast<double>(slot.plan.samples);
  if (samples > 0)
    run_leaf(program, ws);
  else
    stand_in();
  if (slot.settings.poison)
    device_.set_bytes(ws.grads, 0xff, sizeof(float), state_.stream());  // a NaN
  update(slot, ws);
  device_.copy(slot.sums.data(), doubles_.all(), slot.sums.size(), state_.stream());
  device_.copy(slot.verdict.data(), verdict_.data(), slot.verdict.size(), state_.stream());
  if (samples > 0) fetch_output(slot, program, ws);
}

void DeviceRunner::run_leaf(const Program& program, Workspace& ws) {
  for (int s = 0; s < program.segments(); ++s) {
    double* const out = doubles_.at(s);
    program.run(ws, s, out, nullptr);
    ws.synced = out;
  }
}

// A rank without samples adds nothing to any sum.
void DeviceRunner::stand_in() {
  device_.set_bytes(doubles_.all(), 0, doubles_.memory.size(), state_.stream());
  device_.set_bytes(state_.gradients(), 0,
                    static_cast<size_t>(graph_.params().size()) * sizeof(float), state_.stream());
}

// The verdict, and what it allows: the optimizer and the running statistics.
void DeviceRunner::update(StepSlot& slot, Workspace& ws) {
  const KernelTable& k = device_.kernels();
  Stream* const stream = ws.stream;
  auto* scalars = reinterpret_cast<OptimizerScalars*>(slot.scalars.data());
  auto* partials = reinterpret_cast<double*>(partials_.data());
  const int64_t size = graph_.params().size();
  check(k.sums_of_squares(stream, size, state_.gradients(), partials), "the gradient's norm");
  const StepEnd end{graph_.params().chunks(), static_cast<int64_t>(loss_weights_.size()),
                    options_.clip_norm};
  check(k.conclude_step(stream, &end, partials, doubles_.all(), scalars,
                        reinterpret_cast<StepVerdict*>(verdict_.data())),
        "the verdict of the step");
  check(optimizer_.step(k, rules_, {0, size}, scalars, state_.buffers(), stream), "the optimizer");
  const Program& program = training_.any();
  for (int s = 0; s < program.segments(); ++s) {
    if (!program.updates_state(s)) continue;
    ws.synced = doubles_.at(s);
    program.update_state(ws, s);
  }
}

void DeviceRunner::fetch_output(StepSlot& slot, const Program& program, const Workspace& ws) const {
  const size_t bytes = static_cast<size_t>(program.samples()) *
                       static_cast<size_t>(graph_.node(graph_.output()).shape.elements()) *
                       sizeof(float);
  device_.copy(slot.output.data(), program.output(ws), bytes, state_.stream());
}

const StepResult* DeviceRunner::finished(bool wait) {
  const int64_t open = started_ - read_;
  if (open == 0 || (!wait && open <= (options_.overlap ? 1 : 0))) return nullptr;
  StepSlot& slot = *slots_[static_cast<size_t>(read_) % kSlots];
  const auto start = Clock::now();
  device_.synchronise(slot.done);
  read(slot, training_metrics_);
  result_.plan = slot.plan;
  result_.learning_rate = slot.settings.scalars.lr;
  StepVerdict verdict;
  std::memcpy(&verdict, slot.verdict.data(), sizeof verdict);
  result_.verdict.grad_norm = verdict.grad_norm;
  result_.verdict.finite = verdict.finite != 0;
  result_.verdict.applied = verdict.applied != 0;
  result_.verdict.requests = slot.settings.requests;
  result_.data_seconds = slot.data_seconds;
  result_.compute_seconds = seconds_since(start);
  slot.loader->release(slot.plan.step);
  ++read_;
  return &result_;
}

const StepResult& DeviceRunner::evaluate(const StepPlan& plan, Loader& loader) {
  StepSlot& slot = *slots_.front();
  slot.plan = plan;
  slot.upload(device_, copies_, load(slot, loader), {});
  device_.wait(state_.stream(), slot.ready);
  if (slot.batch) {
    const Program& program = evaluation_.at(slot.batch->samples);
    upload_constants(program);
    const std::vector<std::byte*> batch = fields(slot, program);
    Workspace ws = bind(slot, program, state_.evaluated());
    ws.fields = batch.data();
    program.run(ws, 0, nullptr, nullptr);
    fetch_output(slot, program, ws);
  } else {
    device_.set_bytes(doubles_.all(), 0, slot.sums.size(), state_.stream());
  }
  device_.copy(slot.sums.data(), doubles_.all(), slot.sums.size(), state_.stream());
  device_.synchronise(state_.stream());
  read(slot, evaluation_metrics_);
  result_.data_seconds = slot.data_seconds;
  loader.release(plan.step);
  return result_;
}

// Loss and metrics of what came back.
void DeviceRunner::read(StepSlot& slot, const MetricSet& metrics) {
  const auto* sums = reinterpret_cast<const double*>(slot.sums.data());
  result_.weight = sums[1];
  result_.loss = 0;
  for (size_t j = 0; j < loss_weights_.size(); ++j)
    if (sums[2 * j + 1] > 0)
      result_.loss += static_cast<double>(loss_weights_[j]) * sums[2 * j] / sums[2 * j + 1];
  result_.metrics.assign(static_cast<size_t>(metrics.doubles()), 0.0);
  const LeafBatch* batch = slot.batch;
  if (!batch) return;
  metrics.accumulate(batch->samples, graph_.node(graph_.output()).shape.elements(),
                     slot.output.floats(),
                     options_.labels ? reinterpret_cast<const int64_t*>(batch->fields[1]) : nullptr,
                     options_.labels ? nullptr : reinterpret_cast<const float*>(batch->fields[1]),
                     reinterpret_cast<const float*>(batch->fields[2]), result_.metrics.data());
}

}  // namespace trireme
