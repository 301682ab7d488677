#include "optim/schedule.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "optim/recorded_schedules.h"

namespace trireme {
namespace {

constexpr double kBase = 0.1;

ScheduleConfig config(const std::string& name) {
  return {.name = name,
          .warmup = 0,
          .warmup_start = 0,
          .unit = "steps",
          .step_size = 1,
          .gamma = 0.1,
          .milestones = {},
          .power = 1,
          .end_factor = 0,
          .total = 0};
}

template <size_t N>
void expect_recorded(const ScheduleConfig& c, const std::array<double, N>& recorded, double total) {
  const Schedule schedule(c, kBase, 1, total);
  for (size_t i = 0; i < N; ++i) {
    EXPECT_NEAR(schedule.lr(static_cast<int64_t>(i)), recorded[i], 1e-12) << "step " << i;
  }
}

TEST(Schedule, StepEqualsTorch) {
  auto c = config("step");
  c.step_size = 7;
  c.gamma = 0.5;
  expect_recorded(c, recorded::kStep, 40);
}

TEST(Schedule, MultiStepEqualsTorch) {
  auto c = config("multi_step");
  c.milestones = {5, 12, 30};
  expect_recorded(c, recorded::kMultiStep, 40);
}

TEST(Schedule, ExponentialEqualsTorch) {
  auto c = config("exponential");
  c.gamma = 0.9;
  expect_recorded(c, recorded::kExponential, 40);
}

TEST(Schedule, PolynomialEqualsTorchAndStaysAtItsEnd) {
  auto c = config("polynomial");
  c.power = 2;
  c.total = 30;
  expect_recorded(c, recorded::kPolynomial, 1000);
}

TEST(Schedule, CosineEqualsTorch) {
  auto c = config("cosine");
  c.end_factor = 0.01;
  c.total = 39;
  expect_recorded(c, recorded::kCosine, 1000);
}

TEST(Schedule, LinearWarmupEqualsTorch) {
  auto c = config("constant");
  c.warmup = 10;
  c.warmup_start = 0.25;
  expect_recorded(c, recorded::kLinearWarmup, 40);
}

TEST(Schedule, CosineAfterWarmupEqualsTorchsSequence) {
  auto c = config("cosine");
  c.warmup = 8;
  c.warmup_start = 0.1;
  expect_recorded(c, recorded::kWarmupThenCosine, 40);
}

TEST(Schedule, EpochsAreMultipliedByTheirSteps) {
  auto c = config("step");
  c.unit = "epochs";
  c.step_size = 2;
  c.warmup = 0.5;
  const Schedule schedule(c, 1.0, 10, 100);
  EXPECT_DOUBLE_EQ(schedule.lr(0), 0.0);
  EXPECT_DOUBLE_EQ(schedule.lr(4), 0.8);
  EXPECT_DOUBLE_EQ(schedule.lr(5), 1.0);
  EXPECT_DOUBLE_EQ(schedule.lr(19), 1.0);
  EXPECT_DOUBLE_EQ(schedule.lr(20), 0.1);
}

TEST(Schedule, BordersThatAreNotExactInBinaryFallOnTheirStep) {
  auto c = config("multi_step");
  c.unit = "epochs";
  c.milestones = {0.7};
  const Schedule schedule(c, 1.0, 10, 100);
  EXPECT_DOUBLE_EQ(schedule.lr(6), 1.0);
  EXPECT_DOUBLE_EQ(schedule.lr(7), 0.1);
}

TEST(Schedule, UnknownNamesAreRefusedWithTheNearest) {
  try {
    Schedule(config("cosin"), kBase, 1, 40);
    FAIL() << "accepted";
  } catch (const ConfigError& e) {
    EXPECT_STREQ(e.what(), "schedule.name: unknown value 'cosin'");
    EXPECT_EQ(e.hint(), "did you mean 'cosine'?");
  }
  auto c = config("step");
  c.unit = "minutes";
  EXPECT_THROW(Schedule(c, kBase, 1, 40), ConfigError);
}

TEST(Schedule, CosineWithoutALengthIsRefused) {
  EXPECT_THROW(Schedule(config("cosine"), kBase, 1, 0), ConfigError);
  EXPECT_NO_THROW(Schedule(config("constant"), kBase, 1, 0));
}

}  // namespace
}  // namespace trireme
