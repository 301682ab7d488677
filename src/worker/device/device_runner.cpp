#include "worker/device/device_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "ps/table_shards.h"
#include "worker/batch_fields.h"
#include "worker/device/loss_scaling.h"
#include "worker/exchange/buckets.h"

namespace trireme {
DeviceRunner::DeviceRunner(const Device& device, Communicator& comm, DeviceGroup& group,
                           const Graph& graph, DeviceState& state, ProgramSet& training,
                           ProgramSet& evaluation, const MetricSet& training_metrics,
                           const MetricSet& evaluation_metrics, const Optimizer& optimizer,
                           const Preprocessing& preprocessing, const DeviceRunnerOptions& options,
                           TableExchange* tables)
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
  partials_ =
      on_device(static_cast<size_t>(partials_of(graph)) * sizeof(double), "the gradient's norms");
  verdict_ = on_device(sizeof(StepVerdict), "the verdict of a step");
  const OptimizerRules rules = optimizer.rules(graph.params());
  rule_blocks_ = copy_of(std::as_bytes(rules.blocks()), "the optimizer's rules");
  rule_table_ = copy_of(std::as_bytes(rules.rules()), "the optimizer's rules");
  rules_ = {reinterpret_cast<const SlotBlock*>(rule_blocks_.data()),
            reinterpret_cast<const SlotRule*>(rule_table_.data()),
            static_cast<int64_t>(rules.rules().size())};
  if (group.size() > 1)
    buckets_ = std::make_unique<DeviceBuckets>(device, group, state.stream(), state.gradients(),
                                               cut_buckets(graph.params().size(), options.bucket),
                                               options.bf16_sums);
  const int64_t samples = std::max(training.max_samples(), evaluation.max_samples());
  if (device.kernels().element != ElementType::f32)
    wide_output_ = on_device(
        static_cast<size_t>(samples * graph.node(graph.output()).shape.elements()) * sizeof(float),
        "the output");
  for (auto& slot : slots_)
    slot = std::make_unique<StepSlot>(
        device, slot_spec(preprocessing.schema, graph, samples, doubles_.losses, options.bytes));
  if (options.bytes) byte_input_ = std::make_unique<ByteInput>(device, preprocessing);
  if (!tables) return;
  tables_ =
      std::make_unique<DeviceTables>(device, graph, *tables, options.leaf, samples, options.spread);
  row_gradients_ = device.event();
  const auto pinned = [&](size_t bytes) {
    return device.allocate(bytes, Memory::pinned, "the results of a step");
  };
  squares_ =
      pinned(static_cast<size_t>(partials_of(graph) - graph.params().chunks()) * sizeof(double));
  concluded_ = pinned(sizeof(OptimizerScalars));
}

// Steps that nobody waited for may still use what goes now.
DeviceRunner::~DeviceRunner() {
  try {
    device_.synchronise();
  } catch (const Error&) {
  }
}

std::vector<MemoryNeed> DeviceRunner::needs(const Graph& graph, const ProgramSet& training,
                                            const ProgramSet& evaluation, const Schema& schema,
                                            const DeviceRunnerOptions& options) {
  const int64_t samples = std::max(training.max_samples(), evaluation.max_samples());
  return {{"activations", std::max(training.arena_bytes(), evaluation.arena_bytes()),
           "train.batch_size, train.eval_batch_size, train.precision"},
          {"batches", kSlots * slot_spec(schema, graph, samples, 0, options.bytes).device_bytes(),
           "train.batch_size, train.eval_batch_size"},
          {"gradients under way",
           DeviceBuckets::device_bytes(cut_buckets(graph.params().size(), options.bucket),
                                       options.bf16_sums),
           "exchange.bucket_mib, cuda.reduce_type"},
          {"packed weights", training.packed_bytes() + evaluation.packed_bytes(), ""},
          {"rows of tables", DeviceTables::device_bytes(graph, samples),
           "train.batch_size, train.eval_batch_size"},
          {"norms", static_cast<size_t>(partials_of(graph)) * sizeof(double), ""}};
}

int64_t DeviceRunner::partials_of(const Graph& graph) {
  return graph.params().chunks() + static_cast<int64_t>(graph.tables().size()) * ps::kTableShards;
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
  if (tables_) ws.tables = tables_->leaves();
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
  const LeafBatch* batch = load(slot, loader);
  const auto start = Clock::now();
  if (tables_) tables_->fetch(batch, true, copies_);
  slot.upload(device_, copies_, batch, settings.scalars, byte_input_.get());
  slot.compute_seconds = seconds_since(start);
  device_.wait(state_.stream(), slot.ready);
  if (tables_) {
    train_with_tables(slot, index);
  } else {
    launch(slot, index, Kind::step);
    device_.record(slot.done, state_.stream());
  }
  ++started_;
}

// The host's part: gradients of rows on their way to a verdict, and the verdict on its way to rows.
void DeviceRunner::train_with_tables(StepSlot& slot, size_t index) {
  auto lap = [start = Clock::now()]() mutable {
    const double seconds = seconds_since(start);
    start = Clock::now();
    return seconds;
  };
  launch(slot, index, Kind::gradients);
  tables_->download(state_.stream());
  device_.record(row_gradients_, state_.stream());
  group_.wait(row_gradients_, {options_.timeout, "the gradients of rows", slot.plan.step});
  slot.compute_seconds += lap();
  const std::span<const double> squares = tables_->reduce(slot.plan.step);
  std::ranges::copy(squares, reinterpret_cast<double*>(squares_.data()));
  slot.exchange_seconds = lap();
  launch(slot, index, Kind::update);
  device_.record(slot.done, state_.stream());
  group_.wait(slot.done, {options_.timeout, "the step on the device", slot.plan.step});
  slot.compute_seconds += lap();
  OptimizerScalars scalars;
  StepVerdict verdict;
  std::memcpy(&scalars, concluded_.data(), sizeof scalars);
  std::memcpy(&verdict, slot.verdict.data(), sizeof verdict);
  tables_->conclude(scalars, verdict);
  slot.optimizer_seconds = lap();
}

// The first step of a batch size runs as it is: libraries load their code then, which a recording
// does not allow.
void DeviceRunner::launch(StepSlot& slot, size_t index, Kind kind) {
  const Batch batch{kind, slot.plan.samples};
  const bool first = seen_.insert(batch).second;
  if (!options_.graph || first || slot.settings.poison) {
    enqueue(slot, kind);
    return;
  }
  DeviceGraph& graph = graphs_[{batch, index}];
  if (!graph.get()) graph = device_.capture(state_.stream(), [&] { enqueue(slot, kind); });
  device_.launch(graph, state_.stream());
}

const StepResult* DeviceRunner::finished(bool wait) {
  const int64_t open = started_ - read_;
  const bool overlap = options_.overlap && !tables_;
  if (open == 0 || (!wait && open <= (overlap ? 1 : 0))) return nullptr;
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
  result_.compute_seconds = slot.compute_seconds + seconds_since(start);
  result_.exchange_seconds = slot.exchange_seconds;
  result_.optimizer_seconds = slot.optimizer_seconds;
  slot.loader->release(slot.plan.step);
  ++read_;
  return &result_;
}

const StepResult& DeviceRunner::evaluate(const StepPlan& plan, Loader& loader) {
  StepSlot& slot = *slots_.front();
  slot.plan = plan;
  slot.settings = {};
  const LeafBatch* batch = load(slot, loader);
  if (tables_) tables_->fetch(batch, false, copies_);
  slot.upload(device_, copies_, batch, {}, byte_input_.get());
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
