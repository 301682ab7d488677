#include "worker/staleness.h"

#include <gtest/gtest.h>

namespace trireme {
namespace {

TEST(Staleness, HasNothingToTellWhereWorkersGoInStep) {
  Staleness staleness;
  staleness.add(-1);
  StepRecord record;
  staleness.tell(record);
  EXPECT_TRUE(staleness.empty());
  EXPECT_LT(record.staleness_sum, 0);
}

TEST(Staleness, CountsHowFarTheSlowestWasBehind) {
  Staleness staleness;
  for (double behind : {0.0, 2.0, 2.0, 4.0}) staleness.add(behind);
  StepRecord record;
  staleness.tell(record);
  EXPECT_EQ(record.staleness_sum, 8);
  EXPECT_EQ(record.staleness_max, 4);
  EXPECT_EQ(record.staleness_times, 4);
  EXPECT_EQ(staleness.in_words(),
            "steps that the slowest worker was behind rank 0: 2 on average (0: 1, 2: 2, 4: 1)");
}

}  // namespace
}  // namespace trireme
