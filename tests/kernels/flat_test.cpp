#include "kernels/support.h"

namespace trireme::test {
namespace {

class FlatTest : public KernelTest {
 protected:
  std::vector<double> partials(const std::vector<float>& x) {
    const auto n = static_cast<int64_t>(x.size());
    std::vector<double> sums(static_cast<size_t>((n + kSumChunk - 1) / kSumChunk) + 1, 7.0);
    EXPECT_EQ(k.sums_of_squares(nullptr, n, x.data(), sums.data()), Status::ok);
    EXPECT_EQ(sums.back(), 7.0) << "one past the end";
    sums.pop_back();
    return sums;
  }
};

TEST_P(FlatTest, SumsOfSquaresAreExactToFp64ChunkByChunk) {
  for (int64_t n : {0, 1, 3, 31, 33, 4095, 4096, 4097, 100003}) {
    const auto x = random(n, 1);
    std::vector<double> want(static_cast<size_t>((n + kSumChunk - 1) / kSumChunk));
    for (size_t i = 0; i < x.size(); ++i) {
      const double v = x[i];
      want[i / static_cast<size_t>(kSumChunk)] += v * v;
    }
    expect_near(partials(x), want, 1e-12);
  }
}

TEST_P(FlatTest, OnlyTheChunkThatHoldsWhatIsNotFiniteIsNotFinite) {
  for (float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    auto x = random(3 * kSumChunk - 5, 1);
    x[7] = 3e38f;
    x[static_cast<size_t>(kSumChunk) + 99] = bad;
    const auto sums = partials(x);
    EXPECT_TRUE(std::isfinite(sums[0]));
    EXPECT_FALSE(std::isfinite(sums[1]));
    EXPECT_TRUE(std::isfinite(sums[2]));
  }
}

class ConcludeStepTest : public KernelTest {
 protected:
  Status conclude(const std::vector<double>& partials, const std::vector<double>& losses,
                  double clip_norm = 0, LossScale* scale = nullptr) {
    const StepEnd end{static_cast<int64_t>(partials.size()),
                      static_cast<int64_t>(losses.size() / 2), clip_norm, scale, kScaling};
    std::vector<double> padded = partials;
    padded.push_back(NAN);  // not to be read
    return k.conclude_step(nullptr, &end, padded.data(), losses.data(), &scalars, &verdict);
  }
  // What a step that must not be applied says.
  void expect_left_out(bool finite) {
    EXPECT_EQ(verdict.finite, finite ? 1 : 0);
    EXPECT_EQ(verdict.applied, 0);
    EXPECT_EQ(scalars.skip, 1);
  }

  OptimizerScalars scalars{0.5f, NAN, 0.25f, 0.75f, 7, 9, 0};
  StepVerdict verdict{NAN, 9, 9, NAN, 9};
  static constexpr LossScaling kScaling{
      .start = 0, .growth = 2, .backoff = 0.5f, .interval = 3, .least = 0.25f, .most = 16};
  // Device tests serve vectors from memory that the device sees.
  std::vector<LossScale> scale_at(float scale, float good_steps, float skipped) {
    return {{scale, good_steps, skipped}};
  }
  static void expect_scale(const LossScale& of, float scale, float good_steps, float skipped) {
    EXPECT_EQ(of.scale, scale);
    EXPECT_EQ(of.good_steps, good_steps);
    EXPECT_EQ(of.skipped, skipped);
  }
};

TEST_P(ConcludeStepTest, NormAndScaleAreThoseOfTheGradientOverItsWeight) {
  for (const int64_t n : {0, 1, 3, 31, 33, 1000, 1025, 100003}) {
    const auto random_partials = random(n, 1, 0, 3);
    const std::vector<double> partials(random_partials.begin(), random_partials.end());
    double sum = 0;
    for (double p : partials) sum += p;
    const double norm = std::sqrt(sum) / 48;
    for (const double clip_norm : {0.0, 1e-3, 1e6}) {
      ASSERT_EQ(conclude(partials, {3, 48, 5, 10}, clip_norm), Status::ok);
      ASSERT_NEAR(verdict.grad_norm, norm, 1e-12 * norm) << n;
      const double clip = clip_norm > 0 ? std::min(1.0, clip_norm / (norm + 1e-6)) : 1;
      ASSERT_FLOAT_EQ(scalars.grad_scale, static_cast<float>(clip / 48)) << n;
      ASSERT_EQ(verdict.finite, 1);
      ASSERT_EQ(verdict.applied, 1);
      ASSERT_EQ(scalars.skip, 0);
    }
  }
  EXPECT_EQ(scalars.lr, 0.5f);
  EXPECT_EQ(scalars.clip_value, 0.25f);
  EXPECT_EQ(scalars.ema_decay, 0.75f);
  EXPECT_EQ(scalars.step, 7);
}

TEST_P(ConcludeStepTest, AGradientOrALossThatIsNotFiniteLeavesTheUpdateOut) {
  for (const double bad : {static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    std::vector<double> partials(5000, 1.0);
    partials[4321] = bad;
    conclude(partials, {1, 4}, 1);
    expect_left_out(false);
    conclude({1}, {bad, 4}, 1);
    expect_left_out(false);
    conclude({1}, {1, 4, bad, 4, 1, 4});
    expect_left_out(false);
    conclude({1}, {1, 4, bad, 0});  // of no sample
    EXPECT_EQ(verdict.applied, 1);
    EXPECT_EQ(scalars.skip, 0);
  }
}

TEST_P(ConcludeStepTest, ABatchWithoutWeightIsFiniteAndLeftOut) {
  conclude({4}, {0, 0}, 1);
  expect_left_out(true);
  EXPECT_EQ(verdict.grad_norm, 0);
  EXPECT_EQ(scalars.grad_scale, 0);
  conclude({static_cast<double>(INFINITY)}, {0, 0}, 1);
  expect_left_out(false);
}

TEST_P(ConcludeStepTest, ALossScaleIsTakenOutOfNormAndScaleToTheBit) {
  const auto squares = random(1000, 1, 0, 3);
  std::vector<double> partials(squares.begin(), squares.end());
  for (const double clip_norm : {0.0, 1e-3}) {
    conclude(partials, {3, 48}, clip_norm);
    EXPECT_EQ(verdict.loss_scale, 0);
    EXPECT_EQ(verdict.too_large, 0);
    const double norm = verdict.grad_norm;
    const float grad_scale = scalars.grad_scale;
    std::vector<double> scaled = partials;
    for (double& p : scaled) p *= 64;
    auto scale = scale_at(8, 0, 0);
    conclude(scaled, {3, 48}, clip_norm, scale.data());
    EXPECT_EQ(verdict.grad_norm, norm);
    EXPECT_EQ(scalars.grad_scale, grad_scale / 8);
    EXPECT_EQ(verdict.loss_scale, 8);
    EXPECT_EQ(verdict.applied, 1);
    expect_scale(scale[0], 8, 1, 0);
  }
}

TEST_P(ConcludeStepTest, AGradientThatIsTooLargeHalvesTheScaleDownToItsLeast) {
  auto scale = scale_at(1, 2, 5);
  scalars.step = 20;
  for (const double bad : {static_cast<double>(INFINITY), static_cast<double>(NAN)}) {
    conclude({1, bad}, {3, 48}, 1, scale.data());
    expect_left_out(false);
    EXPECT_EQ(verdict.too_large, 1);
  }
  expect_scale(scale[0], 0.25f, 0, 7);
  EXPECT_EQ(scalars.step, 20 - 5 - 6);
  EXPECT_EQ(verdict.loss_scale, 0.5f);
  conclude({1, static_cast<double>(INFINITY)}, {3, 48}, 1, scale.data());
  expect_left_out(false);
  EXPECT_EQ(verdict.too_large, 0);
  expect_scale(scale[0], 0.25f, 0, 7);
}

TEST_P(ConcludeStepTest, SoManyAppliedStepsInARowDoubleTheScaleUpToItsMost) {
  auto scale = scale_at(4, 0, 0);
  for (const auto& [want, good] :
       {std::pair{4, 1}, {4, 2}, {8, 0}, {8, 1}, {8, 2}, {16, 0}, {16, 1}, {16, 2}, {16, 0}}) {
    conclude({1}, {3, 48}, 0, scale.data());
    expect_scale(scale[0], static_cast<float>(want), static_cast<float>(good), 0);
  }
}

TEST_P(ConcludeStepTest, AScaleIsLeftAloneByALossThatIsNotFiniteAndByNoWeight) {
  auto scale = scale_at(4, 2, 1);
  conclude({static_cast<double>(NAN)}, {static_cast<double>(NAN), 4}, 1, scale.data());
  expect_left_out(false);
  EXPECT_EQ(verdict.too_large, 0);
  expect_scale(scale[0], 4, 2, 1);
  conclude({static_cast<double>(INFINITY)}, {0, 0}, 1, scale.data());
  EXPECT_EQ(verdict.too_large, 0);
  conclude({0}, {0, 0}, 1, scale.data());
  expect_left_out(true);
  expect_scale(scale[0], 4, 2, 1);
}

TEST_P(ConcludeStepTest, AStepWithoutALossIsRefused) {
  EXPECT_EQ(conclude({4}, {}), Status::invalid);
}

INSTANTIATE_TEST_SUITE_P(Devices, ConcludeStepTest, testing::ValuesIn(devices()), device_name);
INSTANTIATE_TEST_SUITE_P(Devices, FlatTest, testing::ValuesIn(devices()), device_name);

}  // namespace
}  // namespace trireme::test
