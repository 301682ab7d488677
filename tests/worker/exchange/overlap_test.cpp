// Gradients that travel between hosts while the backward pass goes on: several hosts of thread
// ranks against one, bit for bit, and how a failure in the middle ends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "comm/thread_comm.h"
#include "worker/exchange/buckets.h"
#include "worker/made_up_training.h"

namespace trireme::test {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr int64_t kSizes[] = {kChunk, 2 * kChunk, 5 * kChunk, 1 << 20};

struct Placement {
  int ranks, lanes;
  std::vector<int> nodes;
};
const std::vector<Placement> kPlacements = {
    {2, 1, {0, 1}},       {2, 3, {0, 1}},       {3, 1, {0, 1, 2}},      {3, 2, {0, 1, 1}},
    {4, 1, {0, 1, 2, 3}}, {4, 3, {0, 1, 0, 1}}, {5, 2, {0, 0, 1, 2, 3}}};

// On each host's lanes, between hand-ins: hosts and lanes come at different times.
void dawdle(NodeExchange&, const MadeUpTraining::Moment& moment) {
  static std::atomic<uint64_t> calls{0};
  const auto random = philox(11, calls.fetch_add(1), static_cast<uint64_t>(moment.step))[0];
  std::this_thread::sleep_for(
      std::chrono::microseconds(random % 300 + 50 * (static_cast<unsigned>(moment.lane) + 1)));
}

TEST(Overlap, GivesTheBitsOfOneHostForAnyHostsLanesAndBuckets) {
  for (int shards : {8, 5}) {
    MadeUpTraining training;
    training.shards = shards;
    const Outcome reference = training.run(1);
    for (const Placement& p : kPlacements)
      for (int64_t bucket : kSizes) {
        training.lanes = p.lanes;
        training.bucket = bucket;
        EXPECT_EQ(training.run(p.ranks, p.nodes), reference)
            << shards << " shards, " << p.ranks << " ranks x " << p.lanes << " lanes, buckets of "
            << bucket;
      }
  }
}

TEST(Overlap, GivesTheBitsOfOneHostWhenLeavesAreKeptApart) {
  MadeUpTraining training;
  const Outcome reference = training.run(1);
  training.keep_leaves = true;
  training.bucket = kChunk;
  for (const Placement& p : kPlacements) {
    training.lanes = p.lanes;
    EXPECT_EQ(training.run(p.ranks, p.nodes), reference) << p.ranks << " ranks x " << p.lanes;
  }
}

// A lane then adds several leaves up while they come, and only the last one's sums by bucket.
TEST(Overlap, GivesTheBitsOfOneHostWithManyLeavesALane) {
  MadeUpTraining training;
  training.shards = 50;
  const Outcome reference = training.run(1);
  for (int64_t bucket : kSizes) {
    training.bucket = bucket;
    EXPECT_EQ(training.run(2, {0, 1}), reference);
    EXPECT_EQ(training.run(3, {0, 1, 1}), reference);
  }
}

TEST(Overlap, KeepsTheOrderOfBucketsWhenHostsComeAtDifferentTimes) {
  MadeUpTraining training;
  const Outcome reference = training.run(1);
  training.bucket = kChunk;
  training.within_backward = dawdle;
  for (int round = 0; round < 3; ++round) {
    training.lanes = 1 + round;
    EXPECT_EQ(training.run(3, {0, 1, 2}), reference);
    EXPECT_EQ(training.run(4, {0, 1, 0, 1}), reference);
  }
}

TEST(Overlap, SkipsAStepThatIsNotFiniteOnEveryHost) {
  MadeUpTraining training;
  training.poison_step = 1;
  const std::vector<float> reference = training.run(1).weights;
  training.bucket = kChunk;
  const Outcome outcome = training.run(3, {0, 1, 2});
  EXPECT_FALSE(std::isfinite(outcome.norms[1]));
  EXPECT_EQ(outcome.weights, reference);
}

TEST(Overlap, BringsABucketToEveryHostBeforeAnyLaneWaits) {
  MadeUpTraining training;
  training.bucket = kChunk;
  training.batches = {64, 64};
  training.within_backward = [](NodeExchange& exchange, const auto& moment) {
    if (moment.slots_done == 0) return;
    const Deadline deadline = deadline_in(20);
    while (exchange.hidden_seconds() == 0 && Clock::now() < deadline)
      std::this_thread::sleep_for(milliseconds(1));
    EXPECT_GT(exchange.hidden_seconds(), 0) << "no bucket was reduced while backward went on";
  };
  training.run(2, {0, 1});
}

// What the ranks said, by rank.
std::vector<std::string> messages(const MadeUpTraining& training, int ranks,
                                  std::vector<int> nodes) {
  std::vector<std::string> said(static_cast<size_t>(ranks));
  run_thread_ranks(
      ranks,
      [&](Communicator& comm) {
        try {
          training.run(comm);
          said[static_cast<size_t>(comm.rank())] = "no error";
        } catch (const Error& e) {
          said[static_cast<size_t>(comm.rank())] = std::string(e.what()) + " | " + e.hint();
          comm.abort(e.what(), e.code());
        }
      },
      std::move(nodes));
  return said;
}

TEST(Overlap, EndsEveryRankWithTheFirstCauseWhenALaneFailsWithinBackward) {
  MadeUpTraining training;
  training.bucket = kChunk;
  training.lanes = 2;
  training.within_backward = [](NodeExchange&, const auto& moment) {
    if (moment.step == 1 && moment.last_leaf && moment.slots_done == 1)
      throw DataError("sample 17 is bad");
  };
  // The last leaf is that of host 2's rank 3, which does not lead it.
  const auto said = messages(training, 4, {0, 1, 2, 2});
  EXPECT_THAT(said[3], HasSubstr("sample 17 is bad"));
  for (int rank : {0, 1, 2})
    EXPECT_THAT(said[static_cast<size_t>(rank)],
                HasSubstr("rank 3 (host node2) failed: sample 17 is bad"));
}

TEST(Overlap, NamesTheHostTheBucketAndTheStepWhenTheDeadlinePasses) {
  MadeUpTraining training;
  training.bucket = kChunk;
  training.timeout = 2;
  std::atomic<bool> released{false};
  training.within_backward = [&](NodeExchange&, const auto& moment) {
    if (moment.step != 1 || !moment.last_leaf || moment.slots_done > 0) return;
    const Deadline deadline = deadline_in(20);
    while (!released && Clock::now() < deadline) std::this_thread::sleep_for(milliseconds(5));
  };
  std::vector<std::string> said(4);
  run_thread_ranks(4,
                   [&](Communicator& comm) {
                     try {
                       training.run(comm);
                     } catch (const Error& e) {
                       said[static_cast<size_t>(comm.rank())] =
                           std::string(e.what()) + " | " + e.hint();
                       comm.abort(e.what(), e.code());
                       released = true;
                     }
                   },
                   {0, 0, 1, 2});
  const auto sentence = HasSubstr(
      " waited 2 s for gradients (bucket 1 of 8, pieces of the other hosts) at step 1: no answer "
      "from rank 3 (host node2");
  // Whoever's deadline passes first says it; the other one says the same, or what it heard.
  EXPECT_THAT(said[0], sentence);
  EXPECT_THAT(said[1], sentence) << "a lane that waits for lane 0 of its host";
  EXPECT_THAT(said[2], sentence);
  EXPECT_THAT(said[0] + said[2], HasSubstr("raise run.timeout"));
  EXPECT_NE(said[3], "");
}

TEST(Buckets, CoverEverythingInOrderAndAreSmallAtBothEnds) {
  const auto buckets = cut_buckets(100 * kChunk + 64, 16 * kChunk);
  int64_t at = 0;
  for (const Range& b : buckets) {
    EXPECT_EQ(b.begin, at);
    EXPECT_GT(b.size(), 0);
    EXPECT_LE(b.size(), 16 * kChunk);
    EXPECT_EQ(b.begin % kChunk, 0);
    at = b.end;
  }
  EXPECT_EQ(at, 100 * kChunk + 64);
  EXPECT_EQ(buckets.front().size(), 4 * kChunk);
  EXPECT_EQ(buckets[1].size(), 16 * kChunk);
  EXPECT_LE(buckets.back().size(), 4 * kChunk);
}

TEST(Buckets, AreNeverSmallerThanAChunkNorEmpty) {
  EXPECT_EQ(cut_buckets(2 * kChunk, 1), (std::vector<Range>{{0, kChunk}, {kChunk, 2 * kChunk}}));
  EXPECT_EQ(cut_buckets(64, 1 << 20), (std::vector<Range>{{0, 64}}));
}

}  // namespace
}  // namespace trireme::test
