// Steps between pushes, against the same in double precision, and among workers and servers.
#include "worker/servers/local_steps.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "checkpoint/checkpoint.h"
#include "worker/made_up_training.h"

namespace trireme::test {
namespace {

constexpr int64_t kSize = 128;

ParamTable two_slots(bool frozen) {
  Slot a, b;
  a.name = "a";
  a.logical = a.view = Shape({kSize / 2});
  a.count = kSize / 2;
  b = a;
  b.name = "b";
  b.lr_scale = 0.25f;
  b.trainable = !frozen;
  return ParamTable({a, b});
}

TEST(LocalSteps, MoveWeightsByClampedMeanGradientsAndAddTheseUp) {
  for (const bool frozen : {false, true}) {
    const ParamTable params = two_slots(frozen);
    LocalSteps local(cpu_kernels(), params, 3, 6);
    std::vector<float> w(static_cast<size_t>(params.size()), 1), g(w.size());
    std::vector<double> expected(w.begin(), w.end()), sum(w.size());
    for (int64_t step = 0; step < 3; ++step) {
      const OptimizerScalars scalars{0.5f, 0.25f, 0.2f, 0, 7 + step, step == 1, 0};
      for (size_t i = 0; i < g.size(); ++i)
        g[i] = std::sin(static_cast<float>(i) + static_cast<float>(step));
      EXPECT_FALSE(step > 0 && !local.pending());
      EXPECT_EQ(local.pushes(6 + step), step == 2);
      local.add(g.data(), scalars);
      local.move(g.data(), scalars, w.data());
      if (step == 1) continue;  // skipped
      for (const Slot& slot : params.slots())
        for (int64_t k = 0; k < slot.count; ++k) {
          const auto i = static_cast<size_t>(slot.offset + k);
          const double mean = std::clamp(0.25 * double{g[i]}, -double{0.2f}, double{0.2f});
          sum[i] += mean;
          if (slot.trainable) expected[i] -= 0.5 * double{slot.lr_scale} * mean;
        }
    }
    EXPECT_EQ(local.since(), 6);
    EXPECT_EQ(local.until(), 8);
    EXPECT_EQ(local.scalars().step, 3) << "pushes are counted: 9 steps are three";
    EXPECT_EQ(local.scalars().grad_scale, 1);
    EXPECT_EQ(local.scalars().clip_value, 0);
    for (size_t i = 0; i < w.size(); ++i) {
      ASSERT_NEAR(w[i], expected[i], 1e-6) << i;
      ASSERT_NEAR(local.sum()[i], sum[i], 1e-6) << i;
    }
    local.pushed();
    EXPECT_FALSE(local.pending());
    EXPECT_EQ(local.sum(), nullptr);
  }
}

TEST(LocalSteps, ThatWereAllSkippedHaveNothingToPushButTheirClocks) {
  const ParamTable params = two_slots(false);
  LocalSteps local(cpu_kernels(), params, 2, 0);
  const std::vector<float> g(static_cast<size_t>(params.size()), NAN);
  local.add(g.data(), {1, 1, 0, 0, 1, 1, 0});
  EXPECT_TRUE(local.pending());
  EXPECT_EQ(local.sum(), nullptr);
}

Outcome served(MadeUpTraining training, int workers, int servers) {
  training.servers = servers;
  return training.run(workers + servers);
}

MadeUpTraining local(ps::Mode mode, int64_t every) {
  MadeUpTraining training;
  training.bucket = kChunk;
  training.consistency = {mode, 1};
  training.push_every = every;
  training.batches = {64, 64, 5, 64, 3, 64, 64};
  return training;
}

// It meets after steps 0, 2, 4 ...; run() compares the workers' weights there and at the end.
TEST(LocalSteps, ArePushedBeforeWorkersMeet) {
  for (const ps::Mode mode : {ps::Mode::bounded, ps::Mode::async})
    for (const int64_t every : {2, 3, 100}) {
      MadeUpTraining training = local(mode, every);
      training.faults = {0.2, 0.003, 9};
      training.poison_step = 1;
      for (const int workers : {1, 3}) {
        const Outcome outcome = served(training, workers, 2);
        for (const float w : outcome.weights) ASSERT_TRUE(std::isfinite(w));
      }
    }
}

TEST(LocalSteps, WorkWithCodecsAndDelayCompensation) {
  MadeUpTraining training = local(ps::Mode::async, 3);
  training.codec = {ps::Codec::int8};
  training.delay_compensation = 0.1;
  for (const float w : served(training, 3, 2).weights) ASSERT_TRUE(std::isfinite(w));
}

TEST(LocalSteps, OfARunThatIsResumedAreThoseOfAnUninterruptedOne) {
  const Path folder =
      std::filesystem::temp_directory_path() / ("trireme-local-" + std::to_string(::getpid()));
  MadeUpTraining training = local(ps::Mode::async, 4);
  const Outcome whole = served(training, 1, 2);
  MadeUpTraining first = training;
  first.batches.resize(3);
  first.save_to = folder;
  served(first, 1, 1);
  training.first_step = 3;
  training.resume = list_checkpoints(folder).back();
  EXPECT_EQ(served(training, 1, 2).weights, whole.weights);
  training.push_every = 1;
  EXPECT_NE(served(training, 1, 2).weights, whole.weights);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace trireme::test
