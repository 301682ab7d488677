#include "worker/made_up_training.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "comm/thread_comm.h"
#include "model/build.h"
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

void MadeUpTraining::backward(AllReduceExchange& exchange, const ParamTable& params,
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

Outcome MadeUpTraining::run(Communicator& comm) const {
  const auto graph = small_graph();
  const Optimizer optimizer(adam());
  const Topology topology = make_topology(comm, lanes, shards, timeout);
  ExchangeOptions options;
  options.max_sums = 2;
  options.timeout = timeout;
  options.keep_leaves = keep_leaves;
  options.bucket = bucket;
  AllReduceExchange exchange(comm, topology, cpu_kernels(), *graph, optimizer, options);
  std::vector<float> params(static_cast<size_t>(graph->params().size()), 0.25f);
  exchange.initialise(params.data(), nullptr);
  Outcome outcome;
  LaneTeam team(lanes, false, prepare_kernel_thread);
  const auto step = [&](int64_t s, int lane) {
    const StepPlan plan{s, 0, 0, batches[static_cast<size_t>(s)]};
    exchange.begin(lane, plan);
    backward(exchange, graph->params(), plan, lane);
    double totals[2];
    exchange.sync(lane, 2, totals);
    if (s == bad_loss_step) totals[0] = INFINITY;
    UpdateRequest request{};
    request.scalars.lr = 0.01f;
    request.scalars.step = s + 1;
    request.clip_norm = 0.5;
    request.loss_sums = totals;
    request.requests.save = s == 1 && comm.rank() == comm.size() - 1;
    const Verdict verdict = exchange.update(lane, optimizer, request);
    EXPECT_EQ(verdict.requests.save, s == 1);
    EXPECT_EQ(verdict.applied, s != poison_step && s != bad_loss_step);
    EXPECT_EQ(verdict.finite, verdict.applied);
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
    if (s % 2 == 0) team.run([&](int lane) { evaluation(s, lane); }, fail);
  }
  outcome.weights.assign(exchange.params(), exchange.params() + graph->params().size());
  comm.barrier({timeout, "the end of the test", -1});
  return outcome;
}

Outcome MadeUpTraining::run(int ranks, std::vector<int> nodes) const {
  std::vector<Outcome> outcomes(static_cast<size_t>(ranks));
  run_thread_ranks(
      ranks, [&](Communicator& comm) { outcomes[static_cast<size_t>(comm.rank())] = run(comm); },
      std::move(nodes));
  for (const Outcome& o : outcomes) {  // norms that are not numbers differ from themselves
    EXPECT_EQ(o.weights, outcomes.front().weights) << "ranks disagree";
    if (poison_step < 0) {
      EXPECT_EQ(o, outcomes.front()) << "ranks disagree";
    }
  }
  return outcomes.front();
}

}  // namespace trireme::test
