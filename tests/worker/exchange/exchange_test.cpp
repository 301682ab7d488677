// The all-reduce exchange over thread ranks, on one host and on several, against one rank: bit for
// bit.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "comm/thread_comm.h"
#include "model/build.h"
#include "worker/agreement.h"
#include "worker/exchange/topology.h"
#include "worker/lane_team.h"
#include "worker/made_up_training.h"

namespace trireme::test {
namespace {

using ::testing::HasSubstr;

Outcome run(int ranks, int lanes, int shards, std::vector<int> nodes = {}) {
  MadeUpTraining training;
  training.lanes = lanes;
  training.shards = shards;
  return training.run(ranks, std::move(nodes));
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
    MadeUpTraining training;
    training.poison_step = 1;
    const Outcome outcome = training.run(comm);
    EXPECT_FALSE(std::isfinite(outcome.norms[1]));
    for (float w : outcome.weights) ASSERT_TRUE(std::isfinite(w));
  });
}

TEST(AllReduceExchange, NeverAppliesAStepWhoseLossIsNotFinite) {
  run_thread_ranks(2, [](Communicator& comm) {
    MadeUpTraining training;
    training.bad_loss_step = 1;
    const Outcome outcome = training.run(comm);
    EXPECT_TRUE(std::isfinite(outcome.norms[1])) << "the gradient was";
  });
}

std::unique_ptr<Graph> graph_with_statistics() {
  auto graph = std::make_unique<Graph>();
  const NodeId x = graph->add_input("input", {4});
  graph->add("norm", make_op("batch_norm", {}), {x});
  graph->freeze();
  return graph;
}

TEST(Topology, MoreLanesThanAHostCanHaveAreRefusedOnAllRanks) {
  std::atomic<int> refused{0};
  const auto body = [&](Communicator& comm) {
    EXPECT_NO_THROW(make_topology(comm, 512, 8, 20));
    try {
      make_topology(comm, comm.rank() == 0 ? 513 : 512, 8, 20);
    } catch (const AgreedError& e) {
      EXPECT_EQ(e.code(), ExitCode::config);
      EXPECT_THAT(e.what(), HasSubstr("1025 lanes on one host; 1024 is the most"));
      EXPECT_THAT(e.hint(), HasSubstr("run.lanes"));
      ++refused;
    }
  };
  run_thread_ranks(3, body, {0, 0, 1});
  EXPECT_EQ(refused, 3);
}

// Evaluations and the next step read them without meeting anybody first.
TEST(AllReduceExchange, WritesRunningStatisticsBeforeAnyLaneReturnsFromAnUpdate) {
  std::atomic<int> writes{0};
  const auto body = [&](Communicator& comm) {
    const auto graph = graph_with_statistics();
    const Optimizer optimizer(adam());
    const Topology topology = make_topology(comm, 2, 8, 20);
    AllReduceExchange exchange(comm, topology, cpu_kernels(), *graph, optimizer, {});
    const std::vector<float> params(static_cast<size_t>(graph->params().size()));
    const std::vector<float> state(static_cast<size_t>(graph->state().size()));
    exchange.initialise(params.data(), state.data());
    const auto step = [&](int64_t s, int lane) {
      exchange.begin(lane, {s, 0, 0, 64});
      const LeafRun run = exchange.leaves(lane);
      for (int leaf = run.first; leaf < run.last; ++leaf) exchange.leaf_done(lane, leaf);
      const bool applies = s != 1;
      UpdateRequest request;
      const double loss_sums[] = {0, applies ? 64.0 : 0.0};
      request.loss_sums = loss_sums;
      request.scalars.step = s + 1;
      request.write_state = [&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(30));  // others would overtake it
        exchange.writable_state()[0] = static_cast<float>(s + 1);
        ++writes;
      };
      EXPECT_EQ(exchange.update(lane, optimizer, request).applied, applies);
      EXPECT_EQ(exchange.state()[0], static_cast<float>(applies ? s + 1 : s));
    };
    LaneTeam team(topology.lanes, false, prepare_kernel_thread);
    for (int64_t s = 0; s < 3; ++s)
      team.run([&](int lane) { step(s, lane); },
               [&](const std::exception& e) { exchange.fail(e.what()); });
    comm.barrier({20, "the end of the test", -1});
  };
  run_thread_ranks(3, body, {0, 0, 0});
  EXPECT_EQ(writes, 2) << "one host, two updates";
  run_thread_ranks(4, body, {0, 0, 1, 1});
  EXPECT_EQ(writes, 2 + 4) << "two hosts";
}

TEST(AllReduceExchange, WakesEveryLaneWithTheFirstCauseWhenOneRankFails) {
  std::mutex guard;
  std::vector<std::string> messages;
  run_thread_ranks(3, [&](Communicator& comm) {
    const auto graph = small_graph();
    const Optimizer optimizer(adam());
    const Topology topology = make_topology(comm, 1, 8, 20);
    ExchangeOptions options;
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
}  // namespace trireme::test
