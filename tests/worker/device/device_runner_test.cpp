// Training on a device, with the CPU standing in for one (its memory is host memory, its streams
// do everything at once): bit for bit what one lane does with one leaf.

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstring>
#include <functional>
#include <string_view>

#include "kernels/cuda_plugin.h"
#include "worker/device/device_training.h"
#include "worker/evaluate.h"

namespace trireme::device_test {
namespace {

constexpr const char* kImages = "shape = 1x8x8\nclasses = 4\n";

constexpr Model kModels[] = {{"convolutional", kImages, R"(
layer = conv1: conv2d filters=8 kernel=3 padding=1 activation=relu
layer = maxpool2d size=2
layer = flatten
layer = drop: dropout p=0.25
layer = out: dense units=4
loss = softmax_cross_entropy)",
                              "clip_norm = 0.5\n"},
                             {"normalised", kImages, R"(
layer = conv1: conv2d filters=8 kernel=3 padding=1
layer = batch_norm
layer = relu
layer = flatten
layer = out: dense units=4
loss = softmax_cross_entropy)",
                              "ema = 0.9\n"},
                             {"class_weights", kImages, R"(
layer = flatten
layer = hidden: dense units=160 activation=tanh
layer = out: dense units=4
loss = softmax_cross_entropy class_weights=1,2,3,4)",
                              "clip_value = 0.01\n"},
                             {"regression", "shape = 6\ntarget = value\n", R"(
layer = hidden: dense units=16 activation=gelu
layer = out: dense units=1
loss = mse)",
                              ""},
                             {"two_classes", "shape = 6\nclasses = 2\n", R"(
layer = hidden: dense units=16 activation=relu
layer = out: dense units=1
loss = sigmoid_cross_entropy
metric = auc
metric = log_loss
metric = normalized_entropy
metric = calibration)",
                              ""},
                             kDlrm,
                             kDeepAndCross};

class DeviceTraining : public testing::TestWithParam<Model> {};

TEST_P(DeviceTraining, ChangesTheStateAsALaneDoes) {
  const Experiment e = experiment(GetParam());
  const Outcome lane = on_lane(e), device = on_device(e);
  EXPECT_EQ(device.steps, lane.steps);
  EXPECT_EQ(device.losses, lane.losses);
  EXPECT_EQ(device.norms, lane.norms);
  EXPECT_EQ(device.metrics, lane.metrics);
  EXPECT_EQ(device.params, lane.params);
  EXPECT_EQ(device.average, lane.average);
  EXPECT_EQ(device.state, lane.state);
  EXPECT_EQ(device.moments, lane.moments);
  EXPECT_EQ(device.tables, lane.tables);
  EXPECT_EQ(device.evaluations, lane.evaluations);
}

TEST_P(DeviceTraining, LeavesTheStateAloneInAStepThatIsNotFinite) {
  const Experiment e = experiment(GetParam(), "non_finite = skip\n");
  const Outcome lane = on_lane(e, 2), device = on_device(e, 2);
  EXPECT_FALSE(device.applied[2]);
  EXPECT_TRUE(device.applied[3]);
  EXPECT_EQ(device.params, lane.params);
  EXPECT_EQ(device.state, lane.state);
  EXPECT_EQ(device.moments, lane.moments);
  EXPECT_EQ(device.tables, lane.tables);
}

INSTANTIATE_TEST_SUITE_P(Models, DeviceTraining, testing::ValuesIn(kModels),
                         [](const auto& info) { return info.param.name; });

TEST(DeviceTraining, StartsAStepBeforeTheOneBeforeHasFinished) {
  const Experiment e = experiment(kModels[0]);
  const auto comm = make_local_communicator();
  Session s(*comm, e, {}, make_cpu_device());
  s.start();
  const auto loader = s.make_loader(
      true, 0, [&](int64_t step) { return s.steps->at(step); }, s.steps->total(),
      s.steps->full_batch());
  UpdateSettings settings;
  settings.scalars.step = 1;
  s.runner->train(s.steps->at(0), *loader, settings);
  EXPECT_FALSE(s.runner->finished(false));
  s.runner->train(s.steps->at(1), *loader, settings);
  const StepResult* first = s.runner->finished(false);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->plan.step, 0);
  EXPECT_FALSE(s.runner->finished(false));
  const StepResult* second = s.runner->finished(true);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->plan.step, 1);
  EXPECT_FALSE(s.runner->finished(true));
}

// Powers of two change no bit; the snapshot is longer by the scale's own fields.
TEST_P(DeviceTraining, ALossScaleChangesNoBitOfTheResult) {
  const Experiment plain = experiment(GetParam());
  Outcome wanted = on_device(plain);
  for (const double start : {1.0, 1024.0, 0x1p40}) {
    Experiment e = plain;
    e.debug.loss_scale = start;
    Outcome scaled = on_device(e);
    ASSERT_EQ(scaled.moments.size(), wanted.moments.size() + 3);
    const std::vector<float> scale(scaled.moments.end() - 3, scaled.moments.end());
    EXPECT_EQ(scale, (std::vector<float>{static_cast<float>(start) / 32, 9, 0}));
    scaled.moments.resize(wanted.moments.size());
    EXPECT_EQ(scaled.loss_scales, std::vector<double>(9, start));
    scaled.loss_scales = wanted.loss_scales;
    EXPECT_EQ(scaled, wanted) << start;
  }
}

// The class weights take the first gradients beyond fp32's range. Adam's bias corrections count
// what was applied.
TEST(DeviceTraining, AGradientThatTheScaleMakesTooLargeLowersItAndIsLeftOut) {
  std::fesetenv(
      FE_DFL_ENV);  // devices keep denormals; another test may have told this thread not to
  Model model = kModels[2];
  model.model = R"(
layer = flatten
layer = out: dense units=4
loss = softmax_cross_entropy class_weights=4096,4096,4096,4096)";
  const Experiment plain = experiment(model);
  Experiment e = plain;
  e.debug.loss_scale = 0x1p122;
  const Outcome o = on_device(e);
  const auto left_out = std::count(o.applied.begin(), o.applied.end(), false);
  ASSERT_GT(left_out, 0);
  ASSERT_LT(left_out, 9);
  for (size_t i = 0; i < o.applied.size(); ++i) {
    const auto lowered = std::min(static_cast<int64_t>(i), left_out);
    EXPECT_EQ(o.applied[i], static_cast<int64_t>(i) >= left_out) << i;
    EXPECT_EQ(o.loss_scales[i], std::ldexp(0x1p122, static_cast<int>(-lowered)));
  }
  const auto comm = make_local_communicator();
  Session without(*comm, plain, {}, make_cpu_device());
  without.start();
  const Outcome later =
      train(without, {.poison = [&](int64_t step) { return step < left_out; }, .behind = left_out});
  ASSERT_EQ(o.params.size(), later.params.size());
  for (size_t i = 0; i < o.params.size(); ++i)  // what undoes such a scale is a denormal number
    ASSERT_NEAR(o.params[i], later.params[i], 1e-6) << i;
}

TEST(DeviceTraining, ALossScaleComesBackFromACheckpoint) {
  Experiment e = experiment(kModels[0]);
  e.debug.loss_scale = 512;
  const auto comm = make_local_communicator();
  const auto state_after = [&](float scale) {
    Session s(*comm, e, {}, make_cpu_device());
    s.start();
    s.state->restore([&](const TensorMeta& tensor, std::span<std::byte> out) {
      if (tensor.name != "loss_scale") return false;
      const float fields[] = {scale, 7, 2};
      EXPECT_EQ(out.size(), sizeof fields);
      std::memcpy(out.data(), fields, sizeof fields);
      return true;
    });
    const std::vector<float> all = moments(s);
    return std::vector<float>(all.end() - 3, all.end());
  };
  EXPECT_EQ(state_after(4), (std::vector<float>{4, 7, 2}));
}

// Of the batch of 24, and of the last one of 22 in each of three epochs, the first runs as it is;
// then each of the two slots is recorded once.
TEST(DeviceTraining, RecordsAStepOnceForEachSlotAndReplaysItFromThenOn) {
  const Experiment e = experiment(kModels[0]);
  const auto comm = make_local_communicator();
  Session s(*comm, e, {}, recording_device());
  s.start();
  ASSERT_EQ(s.steps->total(), 9);
  train(s);
  EXPECT_EQ(recordings.begun, 4);
  EXPECT_EQ(recordings.replayed, 7);
}

// 20 samples in batches of 4: the first as it is, then recorded.
TEST(DeviceTraining, RecordsABatchOfAnEvaluationOnce) {
  const Experiment e = experiment(kModels[0], "eval_batch_size = 4\n");
  const auto comm = make_local_communicator();
  Session s(*comm, e, {}, recording_device());
  s.start();
  for (int i = 0; i < 2; ++i) {
    evaluate(s);
    EXPECT_EQ(recordings.begun, 1);
    EXPECT_EQ(recordings.replayed, 4 + 5 * i);
  }
}

TEST(DeviceTraining, RecordsNothingWhereTheFileSaysSo) {
  Experiment e = experiment(kModels[0]);
  e.cuda.graph = false;
  const auto comm = make_local_communicator();
  Session s(*comm, e, {}, recording_device());
  s.start();
  train(s);
  EXPECT_EQ(recordings.begun + recordings.replayed, 0);
}

// As the checkpoint's writer does: it copies while the steps behind the snapshot run.
TEST(DeviceTraining, ASnapshotIsOfTheStepThatItWasTakenAfter) {
  const Experiment e = experiment(kModels[1]);
  const auto comm = make_local_communicator();
  Session s(*comm, e, {}, make_cpu_device());
  s.start();
  Stepper step(s);
  step(0);
  const std::vector<float> then = moments(s);
  const auto snapshot = s.state->snapshot(true);
  step(1);
  snapshot->capture();
  step(2);
  EXPECT_EQ(all_of(*snapshot), then);
  EXPECT_NE(moments(s), then);
}

class DevicesTraining : public testing::TestWithParam<Model> {};

TEST(DevicesTraining, SendTheGradientInBucketsAndTheSumsOnce) {
  ThreadCollectives collectives;
  on_devices(collectives, experiment(kModels[2], "max_steps = 1\neval_every = 0\n"), 2);
  const auto calls = collectives.calls(1);
  const auto count = [&](std::string_view what) {
    return std::count(calls.begin(), calls.end(), what);
  };
  // 64 x 160 and 160 x 4 weights with their biases, each at a multiple of 64: 11,136 elements.
  EXPECT_EQ(count("all_reduce 4096 f32"), 2);
  EXPECT_EQ(count("all_reduce 2944 f32"), 1);
  EXPECT_GE(count("all_reduce 2 f64"), 1);
  EXPECT_EQ(count("close"), 1);
}

Experiment rounded(const Model& model, const std::string& more = "") {
  Experiment e = experiment(model, more);
  e.run.reproducible = false;
  e.cuda.reduce_type = "bf16";
  return e;
}

TEST(DevicesTraining, SendTheGradientAsBf16WhereTheFileSaysSo) {
  ThreadCollectives collectives;
  on_devices(collectives, rounded(kModels[2], "max_steps = 1\neval_every = 0\n"), 2);
  const auto calls = collectives.calls(1);
  const auto count = [&](std::string_view what) {
    return std::count(calls.begin(), calls.end(), what);
  };
  EXPECT_EQ(count("all_reduce 4096 bf16"), 2);
  EXPECT_EQ(count("all_reduce 2944 bf16"), 1);
  EXPECT_EQ(count("all_reduce 4096 f32"), 0);
  EXPECT_GE(count("all_reduce 2 f64"), 1) << "losses are sums of doubles all the same";
}

// A gradient that is rounded to 8 bits at each rank: as good as the losses show, and not the same.
TEST_P(DevicesTraining, AgreeWithEachOtherAndNearlyWithOneRankInBf16) {
  const Outcome alone = on_device(experiment(GetParam()));
  const auto outcomes = on_devices(rounded(GetParam()), 2);
  EXPECT_EQ(outcomes[0], outcomes[1]) << "ranks disagree";
  EXPECT_NE(outcomes[0].params, alone.params);
  ASSERT_EQ(outcomes[0].losses.size(), alone.losses.size());
  for (size_t i = 0; i < alone.losses.size(); ++i)
    EXPECT_NEAR(outcomes[0].losses[i], alone.losses[i], 4e-2) << i;
}

TEST_P(DevicesTraining, OneRankRoundsNothing) {
  EXPECT_EQ(on_device(rounded(GetParam())), on_device(experiment(GetParam())));
}

// The gradient of the dense layers alone takes several buckets.
// 70 samples in batches of 24 leave a last batch of 22; with 23 ranks one has none of it.
TEST_P(DevicesTraining, AgreeWithEachOtherAndWithOneRank) {
  const Experiment e = experiment(GetParam());
  const Outcome alone = on_device(e);
  for (int ranks : {2, 3, 23}) {
    const auto outcomes = on_devices(e, ranks);
    for (const Outcome& o : outcomes) EXPECT_EQ(o, outcomes.front()) << "ranks disagree";
    ASSERT_EQ(outcomes.front().losses.size(), alone.losses.size());
    for (size_t i = 0; i < alone.losses.size(); ++i)
      EXPECT_NEAR(outcomes.front().losses[i], alone.losses[i], 1e-4) << ranks << " ranks";
  }
}

TEST_P(DevicesTraining, SkipAStepTogether) {
  const Experiment e = experiment(GetParam(), "non_finite = skip\n");
  const auto outcomes = on_devices(e, 2, 2);
  EXPECT_FALSE(outcomes[1].applied[2]);
  EXPECT_TRUE(outcomes[1].applied[3]);
  EXPECT_EQ(outcomes[0].params, outcomes[1].params);
  EXPECT_EQ(outcomes[0].state, outcomes[1].state);
  EXPECT_EQ(outcomes[0].tables, outcomes[1].tables);
}

INSTANTIATE_TEST_SUITE_P(Models, DevicesTraining, testing::ValuesIn(kModels),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace trireme::device_test
