#include "worker/made_up_training.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "comm/subgroup.h"
#include "comm/thread_comm.h"
#include "model/build.h"
#include "ps/serve.h"
#include "worker/lane_team.h"

namespace trireme::test {
namespace {

// In [-0.5, 0.5); SplitMix64's finalizer (Steele, Lea and Flood, OOPSLA 2014).
float noise(int64_t step, int leaf, int64_t i) {
  uint64_t z = 0x9e3779b97f4a7c15 * static_cast<uint64_t>((step * 4096 + leaf) * 65536 + i + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return to_unit_float(static_cast<uint32_t>(z >> 32)) - 0.5f;
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

ExchangeOptions MadeUpTraining::options() const {
  ExchangeOptions options;
  options.max_sums = 2;
  options.timeout = timeout;
  options.keep_leaves = keep_leaves;
  options.bucket = bucket;
  return options;
}

Outcome MadeUpTraining::run(Communicator& comm) const {
  if (servers > 0) return train_served(comm);
  const auto graph = small_graph();
  const Optimizer optimizer(adam());
  const Topology topology = make_topology(comm, lanes, shards, timeout);
  AllReduceExchange exchange(comm, topology, cpu_kernels(), *graph, optimizer, options());
  return train(comm, exchange, *graph, optimizer);
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
  prepare_kernel_thread();
  const NodeRegions regions(world, ps::DenseStore::bytes_of_weights(placement, config.server),
                            timeout);
  ps::ServerCore core(config, cpu_kernels(), optimizer, graph->params(), placement,
                      reinterpret_cast<float*>(regions.mine()));
  std::vector<int> workers;
  for (int w = 0; w < config.workers; ++w) workers.push_back(w);
  ps::Link link(world, workers, {}, faults, &regions);
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
    ParameterExchange exchange(comm, topology, cpu_kernels(), *graph, optimizer, options(),
                               placement, consistency, 0, 0, faults);
    outcome = train(comm, exchange, *graph, optimizer);
    exchange.leave(ExitCode::done);
  }
  world.barrier({timeout, "the end of the test", -1});
  return outcome;
}

Outcome MadeUpTraining::train(Communicator& comm, NodeExchange& exchange, const Graph& graph,
                              const Optimizer& optimizer) const {
  std::vector<float> params(static_cast<size_t>(graph.params().size()), 0.25f);
  exchange.initialise(params.data(), nullptr);
  Outcome outcome;
  LaneTeam team(lanes, false, prepare_kernel_thread);
  const auto step = [&](int64_t s, int lane) {
    const StepPlan plan{s, 0, 0, batches[static_cast<size_t>(s)]};
    exchange.begin(lane, plan);
    backward(exchange, graph.params(), plan, lane);
    double totals[2];
    exchange.sync(lane, 2, totals);
    if (s == bad_loss_step) totals[0] = INFINITY;
    UpdateRequest request{};
    request.scalars.lr = 0.01f;
    request.scalars.step = s + 1;
    const bool in_step = consistency.mode == ps::Mode::sync;
    if (in_step) request.clip_norm = 0.5;
    request.loss_sums = totals;
    request.requests.save = s == 1 && comm.rank() == comm.size() - 1;
    const Verdict verdict = exchange.update(lane, optimizer, request);
    if (in_step) {
      EXPECT_EQ(verdict.requests.save, s == 1);
      EXPECT_EQ(verdict.applied, s != poison_step && s != bad_loss_step);
      EXPECT_EQ(verdict.finite, verdict.applied);
    }
    if (lane != 0) return;
    outcome.norms.push_back(verdict.grad_norm);
    outcome.sums.insert(outcome.sums.end(), {totals[0], totals[1]});
  };
  const auto evaluation = [&](int64_t s, int lane) {  // between steps: sums, no gradients
    exchange.begin(lane, {s, 0, 0, 7, false});
    double total;
    exchange.sync(lane, 0, &total);
  };
  for (int64_t s = 0; s < static_cast<int64_t>(batches.size()); ++s) {
    const auto fail = [&](const std::exception& e) { exchange.fail(e.what()); };
    team.run([&](int lane) { step(s, lane); }, fail);
    if (s % 2 != 0) continue;
    exchange.settle();
    team.run([&](int lane) { evaluation(s, lane); }, fail);
  }
  exchange.settle();
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
    if (poison_step < 0 && consistency.mode == ps::Mode::sync) {
      EXPECT_EQ(o, outcomes.front()) << "ranks disagree";
    }
  }
  return outcomes.front();
}

}  // namespace trireme::test
