#include "worker/exchange/staleness.h"

#include <gtest/gtest.h>

#include <array>

#include "comm/thread_comm.h"

namespace trireme {
namespace {

TEST(Staleness, HasNothingToTellWhereWorkersGoInStep) {
  Staleness staleness;
  staleness.add(-1);
  EXPECT_TRUE(staleness.empty());
}

TEST(Staleness, CountsHowFarTheSlowestWasBehind) {
  Staleness staleness;
  for (double behind : {0.0, 2.0, 2.0, 4.0}) staleness.add(behind);
  EXPECT_EQ(staleness.in_words(),
            "steps that the slowest worker was behind: 2 on average (0: 1, 2: 2, 4: 1)");
}

TEST(Staleness, TellsOfAllWorkers) {
  std::array<std::string, 3> words;
  run_thread_ranks(3, [&](Communicator& c) {
    Staleness staleness;
    for (int step = 0; step < 2; ++step) staleness.add(c.rank() == 1 ? 0 : c.rank() + step);
    staleness.gather(c, {.what = "the test"});
    words[static_cast<size_t>(c.rank())] = staleness.in_words();
  });
  EXPECT_EQ(
      words[0],
      "steps that the slowest worker was behind: 1 on average (0: 3, 1: 1, 2: 1, 3: 1); least "
      "for rank 1: 0, most for rank 2: 2.5");
  EXPECT_EQ(words[2], words[0]);
}

}  // namespace
}  // namespace trireme
