#include "worker/made_up_training.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <ranges>
#include <set>

#include "checkpoint/checkpoint.h"
#include "comm/subgroup.h"
#include "comm/thread_comm.h"
#include "model/build.h"
#include "ps/serve.h"
#include "worker/checkpointer.h"
#include "worker/joined_state.h"
#include "worker/lane_team.h"
#include "worker/made_up_rows.h"
#include "worker/servers/row_file.h"
#include "worker/servers/served_tables.h"
#include "worker/servers/server_checkpoints.h"
#include "worker/servers/server_reader.h"
#include "worker/servers/server_writer.h"
#include "worker/tables/replicated_tables.h"

namespace trireme::test {
namespace {

constexpr uint64_t kSeed = 7;

constexpr size_t kShardBytes = 100 << 10;  // of checkpoints: moments are in several files

std::vector<std::string> moments_of(const Optimizer& optimizer) {
  return {optimizer.state().begin(), optimizer.state().end()};
}

}  // namespace

std::unique_ptr<Graph> small_graph() {
  auto graph = std::make_unique<Graph>();
  const NodeId x = graph->add_input("input", {90});
  const NodeId h = graph->add("fc1", make_op("dense", {{"units", int64_t{200}}}), {x});
  graph->add("fc2", make_op("dense", {{"units", int64_t{60}}}), {h});
  graph->freeze();
  return graph;
}

OptimizerConfig adam() {
  OptimizerConfig config{};
  config.name = "adam";
  config.lr = 0.01;
  config.beta1 = 0.9;
  config.beta2 = 0.999;
  config.epsilon = 1e-8;
  return config;
}

uint64_t MadeUpTraining::forward(NodeExchange& exchange, const ParamTable& params,
                                 const StepPlan& plan, int lane) const {
  uint64_t hash = 0;
  Moment moment{plan.step, lane, 0, false};
  for (const Slot& slot : std::views::reverse(params.slots())) {
    exchange.await_weights(lane, slot.offset);
    const float* weights = exchange.params();
    for (int64_t i = slot.offset; i < slot.offset + slot.count; ++i)
      hash = mix(hash, std::bit_cast<uint32_t>(weights[i]));
    ++moment.slots_done;
    if (within_forward) within_forward(exchange, moment);
  }
  exchange.await_weights(lane, 0);
  return hash;
}

void MadeUpTraining::backward(NodeExchange& exchange, const ParamTable& params,
                              const StepPlan& plan, int lane) const {
  const LeafRun run = exchange.leaves(lane);
  for (int leaf = run.first; leaf < run.last; ++leaf) {
    const int64_t n = leaf_span(0, plan.samples, leaf, shards).size();
    if (n > 0) {
      double* sums = exchange.sum_slot(lane, leaf);
      sums[0] = 0.1 * (leaf + 1) + static_cast<double>(plan.step);
      sums[1] = static_cast<double>(n);
      float* g = exchange.gradient(lane, leaf);
      GradSink* sink = exchange.sink(lane, leaf);
      Moment moment{plan.step, lane, 0, leaf == shards - 1};
      const bool tell = leaf == run.last - 1 && within_backward;
      if (tell) within_backward(exchange, moment);
      for (const Slot& slot : params.slots()) {
        for (int64_t i = slot.offset; i < slot.offset + slot.count; ++i)
          g[i] = noise(plan.step, leaf, i);
        if (plan.step == poison_step && leaf == shards - 1) g[slot.offset] = INFINITY;
        if (sink) sink->ready(slot.offset + slot.count);
        ++moment.slots_done;
        if (tell) within_backward(exchange, moment);
      }
    }
    exchange.leaf_done(lane, leaf);
  }
}

ExchangeOptions MadeUpTraining::options(bool served) const {
  ExchangeOptions options;
  options.max_sums = 2;
  options.timeout = timeout;
  options.keep_leaves = keep_leaves;
  options.bucket = bucket;
  options.table_partials = static_cast<int64_t>(tables.size()) * ps::kTableShards;
  options.clip_table_norm = clip.table;
  options.codec = codec;
  options.push_every = push_every;
  options.served_tables = served && tables_served ? static_cast<int>(tables.size()) : 0;
  return options;
}

Outcome MadeUpTraining::run(Communicator& comm) const {
  if (servers > 0) return train_served(comm);
  const auto graph = small_graph();
  const Optimizer optimizer(adam());
  const Topology topology = make_topology(comm, lanes, shards, timeout);
  AllReduceExchange exchange(comm, topology, cpu_kernels(), *graph, optimizer, options(false));
  std::unique_ptr<TableExchange> rows;
  if (!tables.empty())
    rows = std::make_unique<ReplicatedTables>(comm, topology, cpu_kernels(), tables,
                                              ps::RowOptimizer(optimizer, false, clip), kSeed,
                                              timeout, life);
  return train(comm, exchange, *graph, optimizer, rows.get(), nullptr);
}

void MadeUpTraining::serve(Communicator& world, const std::vector<LeafRun>& runs) const {
  const auto graph = small_graph();
  const Optimizer optimizer(adam());
  const ps::Placement placement(graph->params().size(), servers, bucket);
  ps::ServerConfig config;
  config.workers = world.size() - servers;
  config.server = world.rank() - config.workers;
  config.consistency = consistency;
  config.runs = runs;
  config.shards = shards;
  config.start_clock = first_step;
  if (tables_served) config.tables = tables;
  config.seed = kSeed;
  config.clip_row_norm = clip.row;
  config.codec = codec;
  config.delay_compensation = delay_compensation;
  config.push_every = push_every;
  config.life = life;
  LaneTeam team(lanes, false, prepare_kernel_thread);
  config.spread = team.spread();
  const NodeRegions regions(world, ps::DenseStore::bytes_of_weights(placement, config.server),
                            timeout);
  const ps::RowOptimizer of_rows(optimizer, false, clip);
  const MomentFiles files(graph->params(), moments_of(optimizer), kShardBytes);
  ServerWriter writer(config.server, placement, saved_columns(config.tables, of_rows, life), files);
  ServerReader reader(config.server, servers,
                      {graph->params(), moments_of(optimizer), config.tables, of_rows, life});
  ps::ServerCore core(config, cpu_kernels(), optimizer, graph->params(), placement,
                      reinterpret_cast<float*>(regions.mine()));
  core.save_with(&writer);
  core.restore_with(&reader);
  std::vector<int> workers;
  for (int w = 0; w < config.workers; ++w) workers.push_back(w);
  ps::Link link(world, workers, {}, faults, &regions);
  if (serve_with) return serve_with(core, link);
  EXPECT_EQ(ps::serve(core, link, {config.workers, timeout}), 0);
}

Outcome MadeUpTraining::train_served(Communicator& world) const {
  const int workers = world.size() - servers;
  std::vector<LeafRun> runs;
  for (int w = 0; w < workers; ++w)
    runs.push_back({leaves_of(w * lanes, workers * lanes, shards).first,
                    leaves_of((w + 1) * lanes, workers * lanes, shards).first});
  Outcome outcome;
  if (world.rank() >= workers) {
    serve(world, runs);
  } else {
    std::vector<int> ranks;
    for (int w = 0; w < workers; ++w) ranks.push_back(w);
    Subgroup comm(world, ranks, timeout);
    const auto graph = small_graph();
    const Optimizer optimizer(adam());
    const Topology topology = make_topology(comm, lanes, shards, timeout, true);
    EXPECT_EQ(topology.node_runs.size(), runs.size());
    const ps::Placement placement(graph->params().size(), servers, bucket);
    ParameterExchange exchange(comm, topology, cpu_kernels(), *graph, optimizer, options(true),
                               placement, consistency, first_step, 0, faults);
    std::unique_ptr<TableExchange> rows;
    const ps::RowOptimizer of_rows(optimizer, false, clip);
    if (!tables.empty() && tables_served)
      rows = std::make_unique<ServedTables>(exchange, topology, tables, of_rows, life);
    else if (!tables.empty())
      rows = std::make_unique<ReplicatedTables>(comm, topology, cpu_kernels(), tables, of_rows,
                                                kSeed, timeout, life);
    const MomentFiles files(graph->params(), moments_of(optimizer), kShardBytes);
    ServerCheckpoints checkpoints(
        exchange, saved_columns(tables_served ? tables : std::vector<TableSpec>{}, of_rows, life),
        files, timeout);
    const bool themselves = comm.rank() == 0 && servers_write;
    outcome =
        train(comm, exchange, *graph, optimizer, rows.get(), themselves ? &checkpoints : nullptr);
    exchange.leave(ExitCode::done);
  }
  world.barrier({timeout, "the end of the test", -1});
  return outcome;
}

Outcome MadeUpTraining::train(Communicator& comm, NodeExchange& exchange, const Graph& graph,
                              const Optimizer& optimizer, TableExchange* given,
                              ServerCheckpoints* by_servers) const {
  std::unique_ptr<Rows> rows;
  if (given) rows = std::make_unique<Rows>(*given, shards, life);
  std::vector<float> params(static_cast<size_t>(graph.params().size()), 0.25f);
  exchange.initialise(params.data(), nullptr);
  if (!resume.empty()) {
    const CheckpointReader checkpoint(resume, true);
    if (by_servers) by_servers->restore(resume);
    exchange.restore([&](const TensorMeta& tensor, std::span<std::byte> out) {
      const TensorMeta* stored = checkpoint.find(tensor.name);
      if (stored && !out.empty()) checkpoint.read(*stored, out);
      return stored != nullptr;
    });
    if (given) given->restore(checkpoint);
    comm.barrier({timeout, "the restored state", -1});
  }
  Outcome outcome;
  LaneTeam team(lanes, false, prepare_kernel_thread);
  const auto step = [&](int64_t s, int lane) {
    const StepPlan plan{s, 0, 0, batches[static_cast<size_t>(s)]};
    exchange.begin(lane, plan);
    const uint64_t read = forward(exchange, graph.params(), plan, lane);
    backward(exchange, graph.params(), plan, lane);
    if (rows) rows->push(plan, lane, exchange.leaves(lane));
    double totals[2];
    exchange.sync(lane, 2, totals);
    if (given) given->sum(lane, lanes);
    if (s == bad_loss_step) totals[0] = INFINITY;
    UpdateRequest request{};
    request.scalars.lr = 0.01f;
    request.scalars.step = s + 1;
    const bool in_step = consistency.mode == ps::Mode::sync;
    if (in_step) request.clip_norm = 0.5;
    request.loss_sums = totals;
    request.tables = given;
    request.requests.save = s == 1 && comm.rank() == comm.size() - 1;
    const Verdict verdict = exchange.update(lane, optimizer, request);
    if (in_step) {
      EXPECT_EQ(verdict.requests.save, s == 1);
      EXPECT_EQ(verdict.applied, s != poison_step && s != bad_loss_step);
      EXPECT_EQ(verdict.finite, verdict.applied);
    }
    if (lane != 0) return;
    outcome.norms.push_back(verdict.grad_norm);
    outcome.read.push_back(read);
    outcome.sums.insert(outcome.sums.end(), {totals[0], totals[1]});
  };
  const auto evaluation = [&](int64_t s, int lane) {  // between steps: sums, no gradients
    exchange.begin(lane, {s, 0, 0, 7, false});
    double total;
    exchange.sync(lane, 0, &total);
  };
  const LeafRun leaves{exchange.leaves(0).first, exchange.leaves(lanes - 1).last};
  for (int64_t s = first_step; s < static_cast<int64_t>(batches.size()); ++s) {
    if (rows) rows->fetch({s, 0, 0, batches[static_cast<size_t>(s)]}, leaves);
    const auto fail = [&](const std::exception& e) { exchange.fail(e.what()); };
    team.run([&](int lane) { step(s, lane); }, fail);
    if (s % 2 != 0) continue;
    exchange.settle();
    team.run([&](int lane) { evaluation(s, lane); }, fail);
  }
  exchange.settle();
  if (!save_to.empty()) {
    const bool writes = comm.rank() == 0;
    Checkpointer checkpointer(save_to, 1, size_t{1} << 30);
    RunState state;
    state.step = static_cast<int64_t>(batches.size());
    Snapshot snapshot;
    if (by_servers) by_servers->may_write_into(save_to);
    const Path folder = writes ? checkpointer.begin(state.step) : Path();
    if (by_servers) snapshot.others = by_servers->save(folder);
    EXPECT_EQ(snapshot.others != nullptr, by_servers != nullptr);
    if (given && writes) snapshot.state = given->part_of_checkpoint();
    auto flat = exchange.snapshot(writes);
    snapshot.state = snapshot.state
                         ? std::make_unique<JoinedState>(std::move(snapshot.state), std::move(flat))
                         : std::move(flat);
    if (writes) {
      checkpointer.save(std::move(snapshot), state, false);
      checkpointer.finish();
    }
  }
  if (rows) outcome.rows = rows->all();
  if (rows && resume.empty()) outcome.counts = rows->counts();
  outcome.weights.assign(exchange.params(), exchange.params() + graph.params().size());
  comm.barrier({timeout, "the end of the test", -1});
  return outcome;
}

Outcome MadeUpTraining::run(int ranks, std::vector<int> nodes) const {
  std::vector<Outcome> outcomes(static_cast<size_t>(ranks));
  run_thread_ranks(
      ranks, [&](Communicator& comm) { outcomes[static_cast<size_t>(comm.rank())] = run(comm); },
      std::move(nodes));
  outcomes.resize(outcomes.size() - static_cast<size_t>(servers));
  for (const Outcome& o : outcomes) {  // norms that are not numbers differ from themselves
    EXPECT_EQ(o.weights, outcomes.front().weights) << "ranks disagree";
    EXPECT_EQ(o.rows, outcomes.front().rows) << "ranks disagree";
    if (poison_step < 0 && consistency.mode == ps::Mode::sync) {
      EXPECT_EQ(o, outcomes.front()) << "ranks disagree";
    }
  }
  return outcomes.front();
}

}  // namespace trireme::test
