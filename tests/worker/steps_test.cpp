#include "worker/steps.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace trireme {
namespace {

TrainConfig config(int64_t batch, double epochs, int64_t max_steps = 0) {
  TrainConfig c{};
  c.batch_size = batch;
  c.max_epochs = epochs;
  c.max_steps = max_steps;
  return c;
}

TEST(Steps, TrainsTheLastSmallerBatchExactly) {
  const Steps steps(config(64, 2), false, 130);
  EXPECT_EQ(steps.per_epoch(), 3);
  EXPECT_EQ(steps.total(), 6);
  EXPECT_EQ(steps.at(2).begin, 128);
  EXPECT_EQ(steps.at(2).samples, 2);
  EXPECT_EQ(steps.at(3).epoch, 1u);
  EXPECT_EQ(steps.at(3).begin, 0);
  EXPECT_EQ(steps.last_batch(), 2);
}

TEST(Steps, DropsItOnlyWhenTheFileSaysSo) {
  const Steps steps(config(64, 1), true, 130);
  EXPECT_EQ(steps.per_epoch(), 2);
  EXPECT_EQ(steps.last_batch(), 0);
}

TEST(Steps, SaysWhatToDoWhenDroppingLeavesNothing) {
  try {
    Steps(config(64, 1), true, 10);
    FAIL() << "no error";
  } catch (const ConfigError& e) {
    EXPECT_STREQ(
        e.what(),
        "data.drop_last drops everything: 10 training samples are fewer than one batch of 64");
    EXPECT_EQ(e.hint(), "lower train.batch_size or set data.drop_last = false");
  }
}

TEST(Steps, StopsAtTheFirstLimit) {
  EXPECT_EQ(Steps(config(10, 5, 7), false, 100).total(), 7);
  EXPECT_EQ(Steps(config(10, 0.25), false, 100).total(), 3);
}

TEST(Steps, HasOneSmallerBatchWhenTheDataAreFewerThanABatch) {
  const Steps steps(config(64, 1), false, 10);
  EXPECT_EQ(steps.full_batch(), 10);
  EXPECT_EQ(steps.last_batch(), 0);
  EXPECT_EQ(steps.at(0).samples, 10);
}

}  // namespace
}  // namespace trireme
