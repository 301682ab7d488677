// The all-reduce exchange over thread ranks, on one host and on several, against one rank: bit for
// bit.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <mutex>

#include "base/error.h"
#include "comm/thread_comm.h"
#include "worker/made_up_training.h"

namespace trireme::test {
namespace {

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
}  // namespace trireme::test
