// Workers and servers as thread ranks, against an all-reduce of one rank.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "base/error.h"
#include "comm/thread_comm.h"
#include "worker/made_up_training.h"

namespace trireme::test {
namespace {

using testing::HasSubstr;

// Ranks on nodes of their own, or all on one: a worker's memory is its own either way.
Outcome served(MadeUpTraining training, int workers, int servers, bool apart = false) {
  training.servers = servers;
  std::vector<int> nodes;
  for (int r = 0; apart && r < workers + servers; ++r) nodes.push_back(r);
  return training.run(workers + servers, nodes);
}

TEST(ParameterExchange, GivesTheBitsOfAnAllReduceForAnyWorkersAndServers) {
  MadeUpTraining training;
  training.bucket = kChunk;
  const Outcome reference = training.run(1);
  for (int workers : {1, 2, 3, 4, 7})
    for (int servers : {1, 2, 3})
      EXPECT_EQ(served(training, workers, servers), reference) << workers << " + " << servers;
}

TEST(ParameterExchange, GivesThemWithSeveralLanesAndOnSeveralHosts) {
  MadeUpTraining training;
  training.bucket = kChunk;
  const Outcome reference = training.run(1);
  training.lanes = 3;
  EXPECT_EQ(served(training, 1, 1), reference);
  EXPECT_EQ(served(training, 2, 2, true), reference);
  training.keep_leaves = true;
  EXPECT_EQ(served(training, 2, 1), reference);
}

TEST(ParameterExchange, GivesThemAlthoughMessagesAreLateAndRepeated) {
  MadeUpTraining training;
  training.bucket = kChunk;
  const Outcome reference = training.run(1);
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    training.faults = {0.3, 0.004, seed};
    EXPECT_EQ(served(training, 3, 2), reference) << "seed " << seed;
  }
}

TEST(ParameterExchange, NeverAppliesAStepThatIsNotFiniteAnywhere) {
  MadeUpTraining training;
  training.poison_step = 1;
  const Outcome outcome = served(training, 2, 1);
  EXPECT_FALSE(std::isfinite(outcome.norms[1]));
  for (float w : outcome.weights) ASSERT_TRUE(std::isfinite(w));
  MadeUpTraining bad;
  bad.bad_loss_step = 2;
  EXPECT_EQ(served(bad, 2, 2).weights, bad.run(1).weights);
}

// run() compares the workers' weights.
TEST(ParameterExchange, LetsAllWorkersSeeTheSameWeightsWhereTheyMeet) {
  for (const ps::Mode mode : {ps::Mode::bounded, ps::Mode::async}) {
    MadeUpTraining training;
    training.bucket = kChunk;
    training.consistency = {mode, 1};
    training.faults = {0.2, 0.003, 9};
    for (int workers : {1, 2, 3}) {
      const Outcome outcome = served(training, workers, 2);
      for (float w : outcome.weights) ASSERT_TRUE(std::isfinite(w));
    }
  }
}

// One worker's gradients are never late.
TEST(ParameterExchange, CompensatesForDelaysWhereThereAreAny) {
  MadeUpTraining training;
  training.bucket = kChunk;
  training.consistency = {ps::Mode::async, 0};
  training.faults = {0.2, 0.003, 9};
  const Outcome plain = served(training, 1, 2);
  training.delay_compensation = 0.5;
  EXPECT_EQ(served(training, 1, 2), plain);
  for (const float w : served(training, 3, 2).weights) ASSERT_TRUE(std::isfinite(w));
}

TEST(ParameterExchange, NeverAppliesAWorkersGradientThatIsNotFinite) {
  MadeUpTraining training;
  training.consistency = {ps::Mode::async, 0};
  training.poison_step = 1;
  const Outcome outcome = served(training, 3, 1);
  for (float w : outcome.weights) ASSERT_TRUE(std::isfinite(w));
}

TEST(ParameterExchange, NamesTheWorkerThatKeepsTheOthersWaiting) {
  MadeUpTraining training;
  training.servers = 1;
  training.timeout = 2;
  std::atomic<bool> released{false};
  training.within_backward = [&](NodeExchange&, const auto& moment) {
    if (moment.step != 1 || !moment.last_leaf || moment.slots_done > 0) return;
    const Deadline deadline = deadline_in(20);
    while (!released && Clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  };
  std::vector<std::string> said(4);
  run_thread_ranks(4, [&](Communicator& comm) {
    try {
      training.run(comm);
    } catch (const Error& e) {
      said[static_cast<size_t>(comm.rank())] = e.what();
      comm.abort(e.what(), e.code());
      released = true;
    }
  });
  // Whoever hears of it first: the server waits for rank 2's gradients, or the workers for its
  // sums.
  for (int rank : {0, 1, 3}) {
    EXPECT_THAT(said[static_cast<size_t>(rank)], HasSubstr("rank 2")) << rank;
    EXPECT_THAT(said[static_cast<size_t>(rank)], HasSubstr("at step 1")) << rank;
  }
}

}  // namespace
}  // namespace trireme::test
