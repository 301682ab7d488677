#include "worker/session.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "export/data_shape.h"
#include "ps/table_shards.h"
#include "worker/agreement.h"
#include "worker/check_model.h"
#include "worker/checkpointer.h"
#include "worker/device/device_runner.h"
#include "worker/device/loss_scaling.h"
#include "worker/evaluate.h"
#include "worker/init_from.h"
#include "worker/joined_state.h"
#include "worker/lane_runner.h"
#include "worker/lane_sharing.h"
#include "worker/resume.h"
#include "worker/servers/parameter_exchange.h"
#include "worker/servers/server_checkpoints.h"
#include "worker/tables/life_of.h"
#include "worker/version.h"

namespace trireme {

Session::Session(Communicator& communicator, const Experiment& e, const Path& resume,
                 std::unique_ptr<Device> given, Subgroup* workers, const Roles& all_roles)
    : comm(communicator),
      world(workers ? workers->parent() : communicator),
      roles(all_roles),
      experiment(e),
      device(std::move(given)),
      optimizer(e.optimizer),
      workers_(workers) {
  auto lap = [since = Clock::now()]() mutable {
    const double seconds = seconds_since(since);
    since = Clock::now();
    return seconds;
  };
  together(comm, "every rank to open the data", e.run.timeout, [&] {
    if (!resume.empty()) checkpoint = std::make_unique<CheckpointReader>(resume, comm.rank() == 0);
    open();
  });
  agree_on_everything();
  took.data = lap();
  compile();
  took.programs = lap();
  prepare_weights();
  took.weights = lap();
  if (roles.servers > 0)
    placement_ = std::make_unique<ps::Placement>(serves_blocks() ? graph->params().size() : 0,
                                                 roles.servers, bucket_elements());
}

void Session::start() {
  const auto since = Clock::now();
  if (device)
    start_device();
  else
    start_lanes();
  start_weights();
  took.memory = seconds_since(since);
}

Session::~Session() = default;

void Session::open() {
  std::optional<Preprocessing> fixed;
  if (checkpoint) fixed = Preprocessing::from_json(checkpoint->manifest().state.preprocessing);
  data = open_data(experiment.data, experiment.run.seed, fixed);
  data_fingerprint =
      data.train->fingerprint() + (data.validation ? data.validation->fingerprint() : "");
  const DataShape shape = data_shape_of(preprocessing().schema);
  graph = build_graph(experiment, shape);
  check_model(experiment, *graph, checkpoint != nullptr);
  if (checkpoint) check_resumable(*checkpoint, experiment, *graph);
  metrics =
      std::make_unique<MetricSet>(experiment.model, shape, preprocessing().schema.class_names);
  ModelConfig cheap = experiment.model;
  cheap.metrics.clear();
  training_metrics = std::make_unique<MetricSet>(cheap, shape, std::vector<std::string>{});
  if (data.validation) check_monitor(*metrics, experiment);
  train_order = make_order(experiment.data, *data.train, experiment.run.seed, true);
  if (data.validation)
    validation_order = make_order(experiment.data, *data.validation, experiment.run.seed, false);
  steps = std::make_unique<Steps>(experiment.train, experiment.data.drop_last,
                                  train_order->epoch_size());
  schedule = std::make_unique<Schedule>(experiment.schedule, experiment.optimizer.lr,
                                        static_cast<double>(steps->per_epoch()),
                                        static_cast<double>(steps->total()));
}

void Session::agree_on_everything() {
  const double timeout = experiment.run.timeout;
  std::string keys;
  for (const ResolvedKey& k : experiment.resolved)
    keys += fmt::format("{}.{} = {}\n", k.section, k.key, k.value);
  agree(comm,
        {{"the program's build", build_id()},
         {"the experiment", keys},
         {"the model", graph->hash().hex().substr(0, 16)},
         {"the data", sha256(data_fingerprint).hex().substr(0, 16)},
         {"the checkpoint", checkpoint ? checkpoint->path().filename().string() : "none"}},
        timeout);
  if (device) {
    device->make_current();
    kernels = &device->kernels();
    cpu_level = kernels->level;
    topology = make_topology(comm, 1, 0, timeout);
    return;
  }
  cpu_level = agree_on_cpu_level(comm, experiment.run.cpu_level, timeout);
  kernels = &cpu_kernels(cpu_level.c_str());
  const int lanes = wanted_lanes();
  const int shards =
      experiment.run.reproducible ? static_cast<int>(experiment.train.virtual_shards) : 0;
  topology = make_topology(comm, lanes, shards, timeout, roles.servers > 0);
}

void Session::may_write_into(const Path& folder) const {
  if (server_checkpoints_) server_checkpoints_->may_write_into(folder);
}

Snapshot Session::snapshot(const Path& folder) const {
  const bool writes = !folder.empty();
  Snapshot all;
  if (writes && server_checkpoints_) all.others = server_checkpoints_->save(folder);
  if (tables && writes) all.state = tables->part_of_checkpoint();
  if (all.state && device) all.state->capture();  // no step of a device waits for a snapshot
  auto flat = state->snapshot(writes);  // workers at their own pace wait here until all is read
  // The next update waits for the capture of the flat state: that comes last.
  all.state = all.state ? std::make_unique<JoinedState>(std::move(all.state), std::move(flat))
                        : std::move(flat);
  return all;
}

int64_t Session::evaluation_batch() const {
  const int64_t wanted = experiment.train.eval_batch_size > 0
                             ? experiment.train.eval_batch_size
                             : std::max<int64_t>(experiment.train.batch_size, 256);
  return data.validation ? std::min(wanted, data.validation->size()) : wanted;
}

void Session::compile() {
  ProgramOptions options;
  options.seed = experiment.run.seed;
  options.sample_weights = preprocessing().schema.weighted;
  options.leaves = most_leaves(topology);
  training = std::make_unique<ProgramSet>(*graph, *kernels, options);
  options.mode = Mode::inference;
  options.leaves = 1;
  evaluation = std::make_unique<ProgramSet>(*graph, *kernels, options);
  const auto prepare = [&](ProgramSet& programs, int64_t batch) {
    for (int leaf = 0; batch > 0 && leaf < topology.shards; ++leaf)
      programs.prepare(leaf_span(0, batch, leaf, topology.shards).size());
  };
  prepare(*training, steps->full_batch());
  prepare(*training, steps->last_batch());
  if (data.validation) {
    prepare(*evaluation, evaluation_batch());
    prepare(*evaluation, data.validation->size() % evaluation_batch());
  }
}

void Session::start_lanes() {
  const bool may_spin =
      topology.node_members <= static_cast<int>(std::thread::hardware_concurrency());
  team = std::make_unique<LaneTeam>(topology.lanes, may_spin, prepare_kernel_thread);
  ExchangeOptions exchange_options;
  const LaneSharing sharing = share_lanes(topology, *training, !serves_blocks(),
                                          steps->full_batch(), graph->params().size());
  exchange_options.keep_leaves = training->any().segments() > 1 || sharing.side_by_side;
  const auto at_once = training->any().at_once();
  exchange_options.at_once.assign(at_once.begin(), at_once.end());
  exchange_options.max_sums = LaneRunner::max_sums(*graph, *training, *training_metrics, *metrics);
  exchange_options.ema = experiment.train.ema > 0;
  exchange_options.timeout = experiment.run.timeout;
  exchange_options.bucket = bucket_elements();
  exchange_options.table_partials = static_cast<int64_t>(graph->tables().size()) * ps::kTableShards;
  exchange_options.served_tables = static_cast<int>(served_tables().size());
  exchange_options.clip_table_norm = experiment.train.clip_table_norm;
  exchange_options.push_every = experiment.exchange.push_every;
  exchange_options.codec = codec_of(experiment.exchange);
  std::unique_ptr<NodeExchange> exchange = make_exchange(exchange_options);
  start_tables();
  start_server_checkpoints();
  auto lanes = std::make_unique<LaneRunner>(*graph, *team, *exchange, *training, *evaluation,
                                            *training_metrics, *metrics, optimizer, labelled(),
                                            sharing, tables.get());
  lanes->allocate();
  memory_in_words = fmt::format("{} for the state and the gradients of this host's lanes",
                                human_bytes(static_cast<double>(exchange->bytes())));
  state = std::move(exchange);
  runner = std::move(lanes);
}

std::string Session::ranks_in_words() const {
  if (roles.servers == 0) return describe(topology, comm.size());
  return fmt::format("{}{}, {} lanes, {} virtual shards", roles.in_words(),
                     serves_blocks() ? "" : " and all-reduce", topology.members, topology.shards);
}

int Session::wanted_lanes() {
  if (experiment.run.lanes > 0) return static_cast<int>(experiment.run.lanes);
  return default_lanes(ranks_with_my_affinity(comm, experiment.run.timeout));
}

void Session::start_device() {
  if (!graph->tables().empty())  // whose rows are in host memory
    team = std::make_unique<LaneTeam>(wanted_lanes(), false, prepare_kernel_thread);
  group = std::make_unique<DeviceGroup>(comm, *device, experiment.run.timeout);
  start_tables();
  together(comm, "the memory of every rank's device", experiment.run.timeout, [&] {
    auto needs =
        DeviceState::needs(*graph, optimizer, experiment.train.ema > 0, kernels->element, first());
    const DeviceRunnerOptions options = device_options();
    for (MemoryNeed& need :
         DeviceRunner::needs(*graph, *training, *evaluation, preprocessing().schema, options))
      needs.push_back(std::move(need));
    require(*device, needs);
    memory_in_words = fmt::format(
        "{} of {} free on the device: {}", human_bytes(static_cast<double>(total_of(needs))),
        human_bytes(static_cast<double>(device->memory().free)), in_words(needs));
    auto on_device =
        std::make_unique<DeviceState>(*device, comm, *graph, optimizer, experiment.train.ema > 0,
                                      options.scaling, experiment.run.timeout);
    runner = std::make_unique<DeviceRunner>(*device, comm, *group, *graph, *on_device, *training,
                                            *evaluation, *training_metrics, *metrics, optimizer,
                                            preprocessing(), options, tables.get());
    state = std::move(on_device);
  });
}

DeviceRunnerOptions Session::device_options() const {
  DeviceRunnerOptions options;
  options.shards = topology.shards;
  options.leaf = topology.lane_run(0).first;
  options.labels = labelled();
  options.graph = experiment.cuda.graph && !device->is_host();
  options.overlap = experiment.train.non_finite == "stop";
  options.clip_norm = experiment.train.clip_norm;
  options.scaling =
      loss_scaling(kernels->element, experiment.train.batch_size, experiment.debug.loss_scale);
  options.bucket = bucket_elements();
  options.bf16_sums = experiment.cuda.reduce_type == "bf16" && comm.size() > 1;
  options.bytes = inputs_are_bytes();
  if (team) options.spread = team->spread();
  options.timeout = experiment.run.timeout;
  return options;
}

// The device normalises them then. Training and evaluation share what batches lie in.
bool Session::inputs_are_bytes() const {
  return device && data.train->reads_bytes() &&
         (!data.validation || data.validation->reads_bytes());
}

int64_t Session::bucket_elements() const {
  return std::llround(experiment.exchange.bucket_mib * (1 << 20) / sizeof(float));
}

// Recorded steps go first: a group waits for those that hold its collectives.
void Session::close() {
  if (!group) return;
  runner.reset();
  group->close({experiment.run.timeout, "the end of the devices' group", -1});
}

void Session::prepare_weights() {
  first_params_ = AlignedBuffer(static_cast<size_t>(graph->params().size()) * sizeof(float));
  first_statistics_ = AlignedBuffer(static_cast<size_t>(graph->state().size()) * sizeof(float));
  initial_values(*graph, experiment.run.seed, first_params_.floats(), first_statistics_.floats());
  together(comm, "the initial weights", experiment.run.timeout, [&] {
    if (!checkpoint && !experiment.model.init_from.empty())
      initialise_from(experiment.model.init_from, *graph, first_params_.floats(),
                      first_statistics_.floats(), first());
  });
}

void Session::start_weights() {
  state->initialise(std::exchange(first_params_, {}).floats(),
                    std::exchange(first_statistics_, {}).floats());
  if (!checkpoint) return;
  const auto start = Clock::now();
  if (server_checkpoints_) server_checkpoints_->restore(checkpoint->path());
  restore(*checkpoint, *state, first());
  if (tables)
    together(comm, "the restored tables", experiment.run.timeout,
             [&] { tables->restore(*checkpoint); });
  if (!first()) return;
  log_info("resuming: weights, optimizer state and tables restored in {:.2f} s",
           seconds_since(start));
  const auto changes = changes_since(checkpoint->manifest().state, experiment, data_fingerprint);
  for (const std::string& change : changes) log_warning("resuming, although {}", change);
}

// Lanes copy what is in memory themselves; a device's host thread has better to do.
int Session::default_prefetch_threads(const DataSource& source) const {
  if (!device) return source.in_memory() ? 0 : 1;
  const int ranks = static_cast<int>(topology.node_ranks.size());
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()) / ranks - 1, 1, 4);
}

std::unique_ptr<Loader> Session::make_loader(bool training_data, int64_t first_step,
                                             std::function<StepPlan(int64_t)> plan,
                                             int64_t end_step, int64_t max_batch) {
  const DataSource& source = training_data ? *data.train : *data.validation;
  LoaderOptions options;
  options.augment = training_data;
  options.threads = experiment.data.prefetch_threads >= 0
                        ? static_cast<int>(experiment.data.prefetch_threads)
                        : default_prefetch_threads(source);
  options.steps_ahead = static_cast<int>(experiment.data.prefetch_batches);
  options.timeout = experiment.run.timeout;
  options.device = device.get();
  options.bytes = inputs_are_bytes();
  const LeafRun run{topology.lane_run(0).first, topology.lane_run(topology.lanes - 1).last};
  const int shards = topology.shards;
  auto requests = [run, shards, plan = std::move(plan), end_step](int64_t step) {
    std::vector<LeafRequest> result;
    if (step >= end_step) return result;
    const StepPlan p = plan(step);
    for (int leaf = run.first; leaf < run.last; ++leaf) {
      const SampleSpan span = leaf_span(p.begin, p.samples, leaf, shards);
      result.push_back({leaf, p.epoch, span.begin, span.end});
    }
    return result;
  };
  return std::make_unique<Loader>(source, training_data ? *train_order : *validation_order,
                                  std::move(requests), first_step, std::max(1, run.size()),
                                  (max_batch + shards - 1) / shards, options);
}

}  // namespace trireme
