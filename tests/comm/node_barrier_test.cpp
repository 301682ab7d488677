#include "comm/node_barrier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <numeric>
#include <thread>

#include "base/error.h"

namespace trireme {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Memory that a forked child shares.
class SharedState {
 public:
  SharedState() {
    void* p = ::mmap(nullptr, sizeof(BarrierState), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    state_ = static_cast<BarrierState*>(p);
  }
  ~SharedState() { ::munmap(state_, sizeof(BarrierState)); }
  SharedState(const SharedState&) = delete;
  SharedState& operator=(const SharedState&) = delete;
  BarrierState* get() const { return state_; }

 private:
  BarrierState* state_;
};

std::vector<Member> ranks_with_pids(const std::vector<int64_t>& pids) {
  std::vector<Member> ranks;
  for (int64_t pid : pids) {
    const int r = static_cast<int>(ranks.size());
    ranks.push_back({r, "a", pid, 0, r});
  }
  return ranks;
}

// body(barrier, lane) on `lanes` threads of this process, one rank each; what each threw, "" for
// nothing.
std::vector<std::string> run_lanes(int lanes, const std::function<void(NodeBarrier&, int)>& body) {
  SharedState state;
  std::vector<int> rank_of_member(static_cast<size_t>(lanes));
  std::iota(rank_of_member.begin(), rank_of_member.end(), 0);
  const auto ranks = ranks_with_pids(std::vector<int64_t>(static_cast<size_t>(lanes), ::getpid()));
  std::vector<std::string> sentences(static_cast<size_t>(lanes));
  std::vector<std::jthread> threads;
  for (int lane = 0; lane < lanes; ++lane)
    threads.emplace_back([&, lane] {
      NodeBarrier barrier(state.get(), lanes, lane, ranks, rank_of_member);
      try {
        body(barrier, lane);
      } catch (const CommError& e) {
        sentences[static_cast<size_t>(lane)] = e.what();
      }
    });
  threads.clear();
  return sentences;
}

class NodeBarrierOf : public testing::TestWithParam<int> {};

TEST_P(NodeBarrierOf, WhatWasWrittenBeforeIsVisibleAfter) {
  const int n = GetParam();
  std::vector<int> values(static_cast<size_t>(n) *
                          32);  // plain memory: the barrier alone orders it
  const auto sentences = run_lanes(n, [&](NodeBarrier& barrier, int lane) {
    const Wait wait{.seconds = 20, .what = "the test"};
    for (int round = 1; round <= 300; ++round) {
      values[static_cast<size_t>(lane) * 32] = round;
      barrier.arrive_and_wait(wait);
      for (int other = 0; other < n; ++other)
        EXPECT_EQ(values[static_cast<size_t>(other) * 32], round);
      barrier.arrive_and_wait(wait);
    }
  });
  EXPECT_EQ(sentences, std::vector<std::string>(static_cast<size_t>(n)));
}

INSTANTIATE_TEST_SUITE_P(Lanes, NodeBarrierOf, testing::Values(1, 2, 3, 4, 7),
                         [](const auto& p) { return std::to_string(p.param); });

TEST(NodeBarrier, ADeadlineNamesWhoDidNotArriveAndWhereTheyWere) {
  const auto sentences = run_lanes(3, [](NodeBarrier& barrier, int lane) {
    barrier.arrive_and_wait({.seconds = 20, .what = "all-reduce", .step = 11});
    if (lane != 1) barrier.arrive_and_wait({.seconds = 0.05, .what = "all-reduce", .step = 12});
  });
  EXPECT_THAT(
      sentences[0],
      testing::MatchesRegex(
          "rank [02] \\(host a\\) waited 0.05 s for all-reduce at step 12: no answer from rank 1 "
          "\\(host a, pid [0-9]+\\) lane 0 \\(last seen at step 11\\)"));
  EXPECT_EQ(sentences[1], "");
  EXPECT_EQ(sentences[2], sentences[0]);
}

TEST(NodeBarrier, FailWakesAllWithTheFirstReason) {
  const auto sentences = run_lanes(4, [](NodeBarrier& barrier, int lane) {
    if (lane == 2) {
      barrier.fail("disk full");
      barrier.fail("a later reason");
    }
    barrier.arrive_and_wait({.seconds = 20, .what = "all-reduce"});
  });
  EXPECT_EQ(sentences, std::vector<std::string>(4, "rank 2 (host a) failed: disk full"));
}

TEST(NodeBarrier, ACauseThatNamesARankIsPassedOnAsItIs) {
  const auto sentences = run_lanes(2, [](NodeBarrier& barrier, int lane) {
    if (lane == 1) barrier.fail("rank 9 (host b) failed: disk full");
    barrier.arrive_and_wait({.seconds = 20, .what = "all-reduce"});
  });
  EXPECT_EQ(sentences, std::vector<std::string>(2, "rank 9 (host b) failed: disk full"));
}

TEST(NodeBarrier, AReasonLongerThanItsPlaceIsCut) {
  const auto sentences = run_lanes(1, [](NodeBarrier& barrier, int) {
    barrier.fail(std::string(5000, 'x'));
    barrier.arrive_and_wait({});
  });
  EXPECT_EQ(sentences[0].size(), sizeof(BarrierState::reason) - 1);
  EXPECT_THAT(sentences[0], StartsWith("rank 0 (host a) failed: xxx"));
}

// Two ranks as processes: the child arrives once, then meets `fate`. Returns the parent's sentence.
std::string sentence_when_child(const std::function<void()>& fate) {
  SharedState state;
  const std::vector<int> rank_of_member{0, 1};
  const int64_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    NodeBarrier barrier(state.get(), 2, 1, ranks_with_pids({parent, ::getpid()}), rank_of_member);
    barrier.arrive_and_wait({.seconds = 20, .what = "all-reduce", .step = 4});
    fate();
    ::_exit(0);
  }
  std::string sentence;
  try {
    NodeBarrier barrier(state.get(), 2, 0, ranks_with_pids({parent, child}), rank_of_member);
    barrier.arrive_and_wait({.seconds = 20, .what = "all-reduce", .step = 4});
    barrier.arrive_and_wait({.seconds = 20, .what = "all-reduce", .step = 5});
  } catch (const CommError& e) {
    sentence = e.what();
  }
  ::waitpid(child, nullptr,
            0);  // only now: until here a dead child is a zombie, and counts as dead
  const std::string pid = std::to_string(child);
  if (const size_t at = sentence.find(pid); at != std::string::npos)
    sentence.replace(at, pid.size(), "PID");
  return sentence;
}

TEST(NodeBarrier, ARankThatWasKilledIsNamed) {
  EXPECT_EQ(sentence_when_child([] { ::raise(SIGKILL); }),
            "rank 1 (host a, pid PID) died; rank 0 (host a) waited for all-reduce at step 5");
}

TEST(NodeBarrier, ARankThatEndedSilentlyIsNamed) {
  EXPECT_EQ(sentence_when_child([] {}),
            "rank 1 (host a, pid PID) died; rank 0 (host a) waited for all-reduce at step 5");
}

TEST(NodeBarrier, LanesThatDoNotFitAreRefused) {
  SharedState state;
  const auto ranks = ranks_with_pids({::getpid()});
  const std::vector<int> one{0}, many(kMaxBarrierMembers + 1);
  EXPECT_THROW(NodeBarrier(state.get(), 1, 1, ranks, one), CommError);
  EXPECT_THROW(NodeBarrier(state.get(), 2, 0, ranks, one), CommError);
  try {
    NodeBarrier(state.get(), kMaxBarrierMembers + 1, 0, ranks, many);
    FAIL() << "1025 lanes were taken";
  } catch (const CommError& e) {
    EXPECT_THAT(e.what(),
                HasSubstr("a node barrier of 1025 lanes (1025 of them with a rank) cannot "
                          "have lane 0; 1024 is the most"));
    EXPECT_THAT(e.hint(), HasSubstr("run.lanes"));
  }
}

}  // namespace
}  // namespace trireme
