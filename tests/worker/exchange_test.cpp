// The all-reduce exchange over thread ranks, on one host and on several, against one rank: bit for
// bit.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "base/error.h"
#include "base/rng.h"
#include "comm/thread_comm.h"
#include "model/build.h"
#include "worker/all_reduce_exchange.h"
#include "worker/lane_team.h"

namespace trireme {
namespace {

std::unique_ptr<Graph> small_graph() {
  auto graph = std::make_unique<Graph>();
  const NodeId x = graph->add_input("input", {90});
  const NodeId h = graph->add("fc1", make_op("dense", {{"units", int64_t{70}}}), {x});
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

float noise(int64_t step, int leaf, int64_t i) {
  return to_unit_float(philox(static_cast<uint64_t>(step), static_cast<uint64_t>(i),
                              static_cast<uint64_t>(leaf))[0]) -
         0.5f;
}

struct Outcome {
  std::vector<float> weights;
  std::vector<double> norms, sums;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Three steps of made-up gradients; the last batch is smaller than the number of shards.
Outcome train(Communicator& comm, int lanes, int shards, int64_t poison_step = -1) {
  const auto graph = small_graph();
  const Optimizer optimizer(adam());
  const Topology topology = make_topology(comm, lanes, shards, 20);
  AllReduceOptions options;
  options.max_sums = 2;
  options.timeout = 20;
  AllReduceExchange exchange(comm, topology, cpu_kernels(), *graph, optimizer, options);
  std::vector<float> params(static_cast<size_t>(graph->params().size()), 0.25f);
  exchange.initialise(params.data(), nullptr);
  Outcome outcome;
  LaneTeam team(lanes, false, prepare_kernel_thread);
  const int64_t batches[] = {64, 64, 5};
  for (int64_t step = 0; step < 3; ++step) {
    team.run([&](int lane) {
      const StepPlan plan{step, 0, 0, batches[step]};
      exchange.begin(lane, plan);
      const LeafRun run = exchange.leaves(lane);
      for (int leaf = run.first; leaf < run.last; ++leaf) {
        const int64_t n = leaf_span(0, plan.samples, leaf, shards).size();
        if (n > 0) {
          float* g = exchange.gradient(lane, leaf);
          for (const Slot& slot : graph->params().slots())
            for (int64_t i = slot.offset; i < slot.offset + slot.count; ++i)
              g[i] = noise(step, leaf, i);
          if (step == poison_step && leaf == shards - 1) g[0] = INFINITY;
          double* sums = exchange.sum_slot(lane, leaf);
          sums[0] = 0.1 * (leaf + 1) + static_cast<double>(step);
          sums[1] = static_cast<double>(n);
        }
        exchange.leaf_done(lane, leaf);
      }
      double totals[2];
      exchange.sync(lane, 2, totals);
      UpdateRequest request{};
      request.scalars.lr = 0.01f;
      request.scalars.step = step + 1;
      request.clip_norm = 0.5;
      request.gradient_weight = totals[1];
      request.requests.save = step == 1 && comm.rank() == comm.size() - 1;
      const Verdict verdict = exchange.update(lane, optimizer, request);
      EXPECT_EQ(verdict.requests.save, step == 1);
      EXPECT_EQ(verdict.applied, step != poison_step);
      if (lane != 0) return;
      outcome.norms.push_back(verdict.grad_norm);
      outcome.sums.insert(outcome.sums.end(), {totals[0], totals[1]});
    });
  }
  outcome.weights.assign(exchange.params(), exchange.params() + graph->params().size());
  comm.barrier({20, "the end of the test", -1});
  return outcome;
}

Outcome run(int ranks, int lanes, int shards, std::vector<int> nodes = {}) {
  std::vector<Outcome> outcomes(static_cast<size_t>(ranks));
  run_thread_ranks(
      ranks,
      [&](Communicator& comm) {
        outcomes[static_cast<size_t>(comm.rank())] = train(comm, lanes, shards);
      },
      std::move(nodes));
  for (const Outcome& o : outcomes) EXPECT_EQ(o, outcomes.front()) << "ranks disagree";
  return outcomes.front();
}

TEST(AllReduceExchange, GivesTheSameBitsOnAnyNumberOfRanksAndLanes) {
  const Outcome reference = run(1, 1, 8);
  EXPECT_EQ(reference.weights.size() % 64, 0u);
  for (int ranks : {1, 2, 3, 4, 7})
    for (int lanes : {1, 3})
      EXPECT_EQ(run(ranks, lanes, 8), reference) << ranks << " ranks x " << lanes << " lanes";
}

TEST(AllReduceExchange, GivesTheSameBitsOverSeveralHosts) {
  const Outcome reference = run(1, 1, 8);
  EXPECT_EQ(run(2, 1, 8, {0, 1}), reference);
  EXPECT_EQ(run(4, 1, 8, {0, 0, 1, 2}), reference);
  EXPECT_EQ(run(4, 2, 8, {0, 1, 0, 1}), reference) << "ranks dealt out in turn";
  EXPECT_EQ(run(3, 2, 8, {0, 1, 2}), reference);
}

TEST(AllReduceExchange, KeepsOneSumForManyMoreLeavesThanLanes) {
  const Outcome reference = run(1, 1, 50);
  EXPECT_EQ(run(2, 2, 50), reference);
  EXPECT_EQ(run(3, 1, 50, {0, 0, 1}), reference);
}

TEST(AllReduceExchange, NeverAppliesAGradientThatIsNotFiniteAnywhere) {
  run_thread_ranks(3, [](Communicator& comm) {
    const Outcome outcome = train(comm, 1, 8, 1);
    EXPECT_FALSE(std::isfinite(outcome.norms[1]));
    for (float w : outcome.weights) ASSERT_TRUE(std::isfinite(w));
  });
}

TEST(AllReduceExchange, WakesEveryLaneWithTheFirstCauseWhenOneRankFails) {
  std::mutex guard;
  std::vector<std::string> messages;
  run_thread_ranks(3, [&](Communicator& comm) {
    const auto graph = small_graph();
    const Optimizer optimizer(adam());
    const Topology topology = make_topology(comm, 1, 8, 20);
    AllReduceOptions options;
    options.max_sums = 2;
    AllReduceExchange exchange(comm, topology, cpu_kernels(), *graph, optimizer, options);
    exchange.begin(0, {4, 0, 0, 64});
    if (comm.rank() == 1) {
      exchange.fail("bad sample");
      return;
    }
    double total[2];
    try {
      exchange.sync(0, 2, total);
      ADD_FAILURE() << "the wait ended without an error";
    } catch (const CommError& e) {
      const std::lock_guard lock(guard);
      messages.emplace_back(e.what());
    }
  });
  ASSERT_EQ(messages.size(), 2u);
  for (const std::string& m : messages)
    EXPECT_THAT(m, testing::HasSubstr("rank 1 (host node0) failed: bad sample"));
}

}  // namespace
}  // namespace trireme
