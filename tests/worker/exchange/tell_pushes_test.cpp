#include "worker/exchange/tell_pushes.h"

#include <gtest/gtest.h>

namespace trireme {
namespace {

TEST(TellPushes, HasNothingToTellWhereNothingWasTold) {
  StepRecord record;
  tell({}, record);
  EXPECT_LT(record.staleness_sum, 0);
  EXPECT_EQ(record.coded_pushes, 0);
}

TEST(TellPushes, HasTheSumsOfAllWorkers) {
  ps::PushReport all, other;
  for (int64_t behind : {0, 2, 2}) all.add_pull(behind);
  other.add_pull(4);
  other.pushes = 2;
  other.bytes = 2048;
  other.plain_bytes = 4096;
  other.left_out = 1;
  all += other;
  StepRecord record;
  tell(all, record);
  EXPECT_EQ(record.staleness_sum, 8);
  EXPECT_EQ(record.staleness_max, 4);
  EXPECT_EQ(record.staleness_times, 4);
  EXPECT_EQ(record.coded_pushes, 2);
  EXPECT_EQ(record.codec_saved_bytes, 2048);
  EXPECT_EQ(record.codec_error, 1);
}

}  // namespace
}  // namespace trireme
