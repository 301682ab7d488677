#include "comm/ballot.h"

#include <gtest/gtest.h>

#include "comm/thread_comm.h"

namespace trireme {
namespace {

std::string result(Communicator& comm, Ballot& ballot) {
  const auto since = Clock::now();
  for (int round = 0; !ballot.decided(); ++round) {
    comm.check(ballot.open(), {.seconds = 20, .what = "the ballot"}, since);
    comm.idle(round);
  }
  return ballot.failure();
}

class BallotTest : public testing::TestWithParam<int> {
 protected:
  // `who` casts `failure`, the others "" when `all_cast` and else nothing; all hear `heard`.
  void expect(int who, const std::string& failure, bool all_cast, const std::string& heard) {
    run_thread_ranks(GetParam(), [&](Communicator& comm) {
      Ballot ballot(comm);
      if (comm.rank() == who)
        ballot.cast(failure);
      else if (all_cast)
        ballot.cast("");
      EXPECT_EQ(result(comm, ballot), heard);
      comm.barrier({.seconds = 20, .what = "the end"});
    });
  }
};

TEST_P(BallotTest, WithoutAFailureAllSucceededAgainAndAgain) {
  run_thread_ranks(GetParam(), [&](Communicator& comm) {
    for (int i = 0; i < 20; ++i) {
      Ballot ballot(comm);
      ballot.cast("");
      EXPECT_EQ(result(comm, ballot), "");
    }
  });
}

TEST_P(BallotTest, NothingIsDecidedBeforeAllHaveCast) {
  run_thread_ranks(GetParam(), [&](Communicator& comm) {
    Ballot ballot(comm);
    const bool last = comm.rank() == comm.size() - 1;
    if (!last) ballot.cast("");
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(ballot.decided());
    comm.barrier({.seconds = 20, .what = "all looks"});
    if (last) ballot.cast("");
    EXPECT_EQ(result(comm, ballot), "");
  });
}

TEST_P(BallotTest, AFailureIsHeardByRanksThatNeverCast) {
  for (int who = 0; who < GetParam(); ++who) expect(who, "no memory", false, "no memory");
}

TEST_P(BallotTest, AFailureCountsMoreThanSuccesses) {
  expect(GetParam() - 1, "no memory", true, "no memory");
}

TEST_P(BallotTest, ALongFailureIsCutAlikeEverywhere) {
  for (int who : {0, GetParam() - 1})
    expect(who, std::string(1000, 'x'), false, std::string(511, 'x'));
}

INSTANTIATE_TEST_SUITE_P(Worlds, BallotTest, testing::Values(1, 2, 3, 4, 7),
                         [](const auto& p) { return std::to_string(p.param) + "Ranks"; });

}  // namespace
}  // namespace trireme
