#include "kernels/recorded.h"
#include "kernels/support.h"

namespace trireme::test {
namespace {

class NormTest : public KernelTest {
 protected:
  // Mean and reciprocal deviation per channel, from the kernel's own sums.
  void statistics(int64_t rows, int64_t c, const std::vector<float>& x, std::vector<float>& mean,
                  std::vector<float>& rstd) {
    std::vector<double> sums(static_cast<size_t>(2 * c), 99);
    ASSERT_EQ(
        k.batch_norm_sums(nullptr, rows, c, x.data(), sums.data(), Scratch(k, rows, c), nullptr),
        Status::ok);
    mean.resize(static_cast<size_t>(c));
    rstd.resize(mean.size());
    ASSERT_EQ(k.batch_norm_statistics(nullptr, c, static_cast<double>(rows), 1e-5, sums.data(),
                                      mean.data(), rstd.data()),
              Status::ok);
  }
};

TEST_P(NormTest, LayerNormEqualsPyTorch) {
  if (k.element != ElementType::f32) GTEST_SKIP() << "recorded in fp32";
  std::vector<float> y(24), mean(4), rstd(4), dx(24), dgamma(6), dbeta(6), sum(24, 1.0f);
  const auto &x = recorded("norm.x"), &gamma = recorded("norm.gamma"), &dy = recorded("norm.dy");
  k.layer_norm_forward(nullptr, 4, 6, 1e-5f, x.data(), gamma.data(), recorded("norm.beta").data(),
                       y.data(), mean.data(), rstd.data());
  expect_near(y, recorded("layer_norm.y"), 1e-6);
  k.layer_norm_backward(nullptr, 4, 6, x.data(), gamma.data(), mean.data(), rstd.data(), dy.data(),
                        dx.data(), Write::set, dgamma.data(), dbeta.data(), Write::set,
                        Scratch(k, 4, 6));
  expect_near(dx, recorded("layer_norm.dx"), 1e-6);
  expect_near(dgamma, recorded("layer_norm.dgamma"), 1e-6);
  expect_near(dbeta, recorded("layer_norm.dbeta"), 1e-6);
  k.layer_norm_backward(nullptr, 4, 6, x.data(), gamma.data(), mean.data(), rstd.data(), dy.data(),
                        sum.data(), Write::add, dgamma.data(), dbeta.data(), Write::add,
                        Scratch(k, 4, 6));
  for (size_t i = 0; i < 24; ++i) EXPECT_NEAR(sum[i], dx[i] + 1, 1e-6f);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(dbeta[i], 2 * recorded("layer_norm.dbeta")[i], 1e-5f);
  }
}

TEST_P(NormTest, BatchNormWithReluEqualsPyTorch) {
  if (k.element != ElementType::f32) GTEST_SKIP() << "recorded in fp32";
  const auto &x = recorded("norm.x"), &gamma = recorded("norm.gamma"), &dy = recorded("norm.dy");
  std::vector<float> mean, rstd, y(24), dx(24), mean_g(6), mean_gx(6);
  std::vector<double> sums(12);
  statistics(4, 6, x, mean, rstd);
  k.batch_norm_forward(nullptr, 4, 6, x.data(), mean.data(), rstd.data(), gamma.data(),
                       recorded("norm.beta").data(), nullptr, Activation::relu, y.data());
  expect_near(y, recorded("batch_norm.y"), 1e-6);
  k.batch_norm_backward_sums(nullptr, 4, 6, x.data(), y.data(), dy.data(), nullptr, mean.data(),
                             rstd.data(), nullptr, nullptr, Activation::relu, nullptr, sums.data(),
                             Scratch(k, 4, 6), nullptr);
  expect_near(std::vector<double>(sums.begin(), sums.begin() + 6), recorded("batch_norm.dbeta"),
              1e-6);
  expect_near(std::vector<double>(sums.begin() + 6, sums.end()), recorded("batch_norm.dgamma"),
              1e-6);
  k.batch_norm_means(nullptr, 6, 4, sums.data(), mean_g.data(), mean_gx.data());
  k.batch_norm_backward(nullptr, 4, 6, x.data(), y.data(), dy.data(), mean.data(), rstd.data(),
                        gamma.data(), nullptr, mean_g.data(), mean_gx.data(), Activation::relu,
                        dx.data(), Write::set, nullptr, Write::set);
  expect_near(dx, recorded("batch_norm.dx"), 2e-6);
}

TEST_P(NormTest, SumsAreExactToFp64WhenTheMeanIsFarFromZero) {
  for (const auto& [rows, c] : {std::pair<int64_t, int64_t>{0, 3},
                                {1, 1},
                                {5, 6},
                                {1000, 17},
                                {33, 64},
                                {1001, 63},
                                {100, 300}}) {
    const auto x = rounded(random(rows * c, 1, 1000, 1001));
    std::vector<double> want(static_cast<size_t>(2 * c)), sums(want.size(), 99);
    for (size_t i = 0; i < x.size(); ++i) {
      const double v = x[i];
      want[i % static_cast<size_t>(c)] += v;
      want[i % static_cast<size_t>(c) + static_cast<size_t>(c)] += v * v;
    }
    k.batch_norm_sums(nullptr, rows, c, elements(x), sums.data(), Scratch(k, rows, c), nullptr);
    expect_near(sums, want, 1e-13);
  }
}

// The steps between sums and normalising, to the last bit: they are fp64, rounded once.
TEST_P(NormTest, ChannelStepsRoundTheirFp64FormulaeOnce) {
  for (const int64_t c : {1, 31, 33, 257}) {
    const double count = 37, epsilon = 1e-5, momentum = 0.1;
    const auto size = static_cast<size_t>(c);
    const auto low = random(c, 1), high = random(c, 2, -1, 40);
    std::vector<double> sums(low.begin(), low.end());
    sums.insert(sums.end(), high.begin(), high.end());
    std::vector<float> mean(size), rstd(size), mean_g(size), mean_gx(size), inference(size);
    const auto old_mean = random(c, 3), old_variance = random(c, 4, 0, 2);
    auto running_mean = old_mean, running_variance = old_variance;
    k.batch_norm_statistics(nullptr, c, count, epsilon, sums.data(), mean.data(), rstd.data());
    const RunningStatistics running{
        c, count, momentum, sums.data(), running_mean.data(), running_variance.data()};
    k.batch_norm_running(nullptr, 1, &running, nullptr);
    k.batch_norm_means(nullptr, c, count, sums.data(), mean_g.data(), mean_gx.data());
    k.batch_norm_rstd(nullptr, c, epsilon, old_variance.data(), inference.data());
    for (size_t i = 0; i < size; ++i) {
      const double m = sums[i] / count, v = std::max(0.0, sums[size + i] / count - m * m);
      ASSERT_EQ(mean[i], static_cast<float>(m));
      ASSERT_FLOAT_EQ(rstd[i], static_cast<float>(1 / std::sqrt(v + epsilon)));
      ASSERT_FLOAT_EQ(
          running_mean[i],
          static_cast<float>((1 - momentum) * static_cast<double>(old_mean[i]) + momentum * m));
      ASSERT_FLOAT_EQ(running_variance[i],
                      static_cast<float>((1 - momentum) * static_cast<double>(old_variance[i]) +
                                         momentum * v * count / (count - 1)));
      ASSERT_EQ(mean_g[i], static_cast<float>(m));
      ASSERT_EQ(mean_gx[i], static_cast<float>(sums[size + i] / count));
      ASSERT_FLOAT_EQ(
          inference[i],
          static_cast<float>(1 / std::sqrt(static_cast<double>(old_variance[i]) + epsilon)));
    }
  }
}

TEST_P(NormTest, RunningStatisticsStayAsTheyAreWhenTheStepIsSkipped) {
  const std::vector<double> sums{4, 8, 20, 40};
  std::vector<float> mean{5, 6}, variance{3, 4};
  OptimizerScalars scalars{};
  scalars.skip = 1;
  const RunningStatistics running{2, 4, 0.5, sums.data(), mean.data(), variance.data()};
  EXPECT_EQ(k.batch_norm_running(nullptr, 1, &running, &scalars), Status::ok);
  EXPECT_EQ(mean, (std::vector<float>{5, 6}));
  EXPECT_EQ(variance, (std::vector<float>{3, 4}));
  scalars.skip = 0;
  k.batch_norm_running(nullptr, 1, &running, &scalars);
  EXPECT_EQ(mean, (std::vector<float>{3, 4}));
  EXPECT_FLOAT_EQ(variance[0], 1.5f + 0.5f * 4 * 4 / 3);
  EXPECT_FLOAT_EQ(variance[1], 2 + 0.5f * 6 * 4 / 3);
}

// More layers than one launch takes, of unlike sizes.
TEST_P(NormTest, RunningStatisticsOfManyLayersAreThoseOfEachAlone) {
  constexpr int64_t kLayers = 70;
  std::vector<std::vector<double>> sums;
  std::vector<std::vector<float>> mean, variance;
  for (int64_t i = 0; i < kLayers; ++i) {
    const int64_t c = 1 + i * 5;
    const auto drawn = random(2 * c, static_cast<uint64_t>(i), 1, 9);
    sums.emplace_back(drawn.begin(), drawn.end());
    mean.push_back(random(c, 100));
    variance.push_back(random(c, 101, 0, 2));
  }
  auto want_mean = mean, want_variance = variance;
  std::vector<RunningStatistics> layers;
  for (size_t i = 0; i < sums.size(); ++i) {
    const auto c = static_cast<int64_t>(mean[i].size());
    const double count = 20 + static_cast<double>(i);
    layers.push_back({c, count, 0.1, sums[i].data(), mean[i].data(), variance[i].data()});
    const RunningStatistics alone{
        c, count, 0.1, sums[i].data(), want_mean[i].data(), want_variance[i].data()};
    k.batch_norm_running(nullptr, 1, &alone, nullptr);
  }
  EXPECT_EQ(k.batch_norm_running(nullptr, kLayers, layers.data(), nullptr), Status::ok);
  EXPECT_EQ(mean, want_mean);
  EXPECT_EQ(variance, want_variance);
  EXPECT_NE(mean.back(), random(1 + (kLayers - 1) * 5, 100));
  EXPECT_EQ(k.batch_norm_running(nullptr, 0, nullptr, nullptr), Status::ok);
}

// Whether they are computed with the sums or from them afterwards, the bits are the same.
TEST_P(NormTest, StatisticsThatFollowFromTheSumsEqualThoseComputedApart) {
  for (const auto& [rows, c] : {std::pair<int64_t, int64_t>{5, 1}, {97, 6}, {33, 64}, {9, 300}}) {
    const auto x = random(rows * c, 1, -1, 3);
    const double count = static_cast<double>(rows);
    const auto size = static_cast<size_t>(c);
    std::vector<double> sums(2 * size), apart(2 * size);
    std::vector<float> mean(size), rstd(size), want_mean(size), want_rstd(size);
    const BatchNormStatistics statistics{count, 1e-5, mean.data(), rstd.data()};
    k.batch_norm_sums(nullptr, rows, c, elements(x), sums.data(), Scratch(k, rows, c), &statistics);
    k.batch_norm_sums(nullptr, rows, c, elements(x), apart.data(), Scratch(k, rows, c), nullptr);
    k.batch_norm_statistics(nullptr, c, count, 1e-5, apart.data(), want_mean.data(),
                            want_rstd.data());
    EXPECT_EQ(sums, apart);
    EXPECT_EQ(mean, want_mean);
    EXPECT_EQ(rstd, want_rstd);
  }
}

TEST_P(NormTest, GradientsThatFollowFromTheSumsAreSetOrAddedAndEachMayBeAbsent) {
  const int64_t rows = 70, c = 12;
  const auto x = random(rows * c, 1), dy = random(rows * c, 2), mean = random(c, 3),
             rstd = random(c, 4, 0.5f, 2);
  std::vector<double> sums(24);
  const auto run = [&](const BatchNormGradients& gradients) {
    k.batch_norm_backward_sums(nullptr, rows, c, elements(x), nullptr, elements(dy), nullptr,
                               mean.data(), rstd.data(), nullptr, nullptr, Activation::none,
                               nullptr, sums.data(), Scratch(k, rows, c), &gradients);
  };
  std::vector<float> dgamma(12, 100.0f), dbeta(12, 100.0f), mean_g(12), mean_gx(12), want_g(12),
      want_gx(12);
  run({dgamma.data(), Write::add, dbeta.data(), Write::set, 70, mean_g.data(), mean_gx.data()});
  k.batch_norm_means(nullptr, c, 70, sums.data(), want_g.data(), want_gx.data());
  EXPECT_EQ(mean_g, want_g);
  EXPECT_EQ(mean_gx, want_gx);
  for (size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(dbeta[i], static_cast<float>(sums[i]));
    EXPECT_EQ(dgamma[i], static_cast<float>(sums[12 + i]) + 100.0f);
  }
  const auto before = dgamma;
  run({nullptr, Write::set, dbeta.data(), Write::add, 70, nullptr, nullptr});
  EXPECT_EQ(dgamma, before);
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(dbeta[i], 2 * static_cast<float>(sums[i]));
  run({dgamma.data(), Write::set, nullptr, Write::set, 70, nullptr, nullptr});
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(dgamma[i], static_cast<float>(sums[12 + i]));
}

// Against the formulae, for shapes that use one strip, several strips and left-over rows.
TEST_P(NormTest, BatchNormEqualsItsFormulaeForManyShapes) {
  for (const auto& [rows, c] : {std::pair<int64_t, int64_t>{5, 1},
                                {97, 6},
                                {7, 63},
                                {9, 64},
                                {4, 300},
                                {50, 8},
                                {3, 2056},
                                {1201, 8},
                                {2500, 16}}) {
    const auto x = rounded(random(rows * c, 1)), dy = rounded(random(rows * c, 2)),
               add = rounded(random(rows * c, 3));
    const auto mean = random(c, 4), rstd = random(c, 5, 0.5f, 2), gamma = random(c, 6),
               beta = random(c, 7), mg = random(c, 8), mgx = random(c, 9);
    const Elements in = elements(x), gradient = elements(dy);
    Elements y = elements(std::vector<float>(x.size())),
             dx = elements(std::vector<float>(x.size(), 1.0f)),
             da = elements(std::vector<float>(x.size(), 2.0f));
    std::vector<double> want_y, want_dx, want_da, sums(static_cast<size_t>(2 * c)),
        want_sums(sums.size());
    k.batch_norm_forward(nullptr, rows, c, in, mean.data(), rstd.data(), gamma.data(), beta.data(),
                         elements(add), Activation::relu, y);
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t j = i % static_cast<size_t>(c);
      const double xhat =
          (static_cast<double>(x[i]) - static_cast<double>(mean[j])) * static_cast<double>(rstd[j]);
      const double scale = static_cast<double>(gamma[j]);
      want_y.push_back(std::max(0.0, scale * xhat + static_cast<double>(beta[j] + add[i])));
      const double g = y[i] > 0 ? static_cast<double>(dy[i]) : 0;
      want_sums[j] += g;
      want_sums[j + static_cast<size_t>(c)] += g * xhat;
      want_da.push_back(2 + g);
      want_dx.push_back(1 +
                        scale * static_cast<double>(rstd[j]) *
                            (g - static_cast<double>(mg[j]) - xhat * static_cast<double>(mgx[j])));
    }
    expect_near(y, want_y, tolerance(1e-6));
    k.batch_norm_backward_sums(nullptr, rows, c, in, y, gradient, nullptr, mean.data(), rstd.data(),
                               nullptr, nullptr, Activation::relu, nullptr, sums.data(),
                               Scratch(k, rows, c), nullptr);
    expect_near(sums, want_sums, 3e-6);
    k.batch_norm_backward(nullptr, rows, c, in, y, gradient, mean.data(), rstd.data(), gamma.data(),
                          nullptr, mg.data(), mgx.data(), Activation::relu, dx, Write::add, da,
                          Write::add);
    expect_near(dx, want_dx, tolerance(3e-6));
    expect_near(da, want_da, tolerance(1e-6));
  }
}

// The sign of y as backward finds it from x is that of the y which forward wrote: in numbers near
// the border, where a bit decides.
TEST_P(NormTest, BatchNormBackwardsFindsWhereReluWasOpenFromTheInput) {
  for (const auto& [rows, c] : {std::pair<int64_t, int64_t>{97, 6}, {9, 64}, {1201, 8}}) {
    const auto x = rounded(random(rows * c, 1, -0.25f, 0.25f)), dy = rounded(random(rows * c, 2));
    const auto mean = random(c, 4, -0.1f, 0.1f), rstd = random(c, 5, 0.5f, 2), gamma = random(c, 6),
               mg = random(c, 8), mgx = random(c, 9);
    auto beta = random(c, 7, -0.1f, 0.1f);
    for (size_t j = 0; j < beta.size(); ++j)  // y is exactly 0, or next to it, in the first row
      beta[j] = -(x[j] - mean[j]) * (gamma[j] * rstd[j]);
    const Elements in = elements(x), gradient = elements(dy);
    Elements y = elements(std::vector<float>(x.size())), dx = y, wanted_dx = y, da = y,
             wanted_da = y;
    k.batch_norm_forward(nullptr, rows, c, in, mean.data(), rstd.data(), gamma.data(), beta.data(),
                         nullptr, Activation::relu, y);
    std::vector<double> sums(static_cast<size_t>(2 * c)), wanted(sums.size());
    const auto run = [&](const Element* gate, std::vector<double>& to, Elements& set,
                         Elements& adds, Elements& addend) {
      k.batch_norm_backward_sums(nullptr, rows, c, in, gate, gradient, nullptr, mean.data(),
                                 rstd.data(), gamma.data(), beta.data(), Activation::relu, nullptr,
                                 to.data(), Scratch(k, rows, c), nullptr);
      k.batch_norm_backward(nullptr, rows, c, in, gate, gradient, mean.data(), rstd.data(),
                            gamma.data(), beta.data(), mg.data(), mgx.data(), Activation::relu, set,
                            Write::set, nullptr, Write::set);
      k.batch_norm_backward(nullptr, rows, c, in, gate, gradient, mean.data(), rstd.data(),
                            gamma.data(), beta.data(), mg.data(), mgx.data(), Activation::relu,
                            adds, Write::add, addend, Write::set);
    };
    Elements adds = y, wanted_adds = y;
    run(y, wanted, wanted_dx, wanted_adds, wanted_da);
    run(nullptr, sums, dx, adds, da);
    Elements in_place = elements(dy);
    k.batch_norm_backward(nullptr, rows, c, in, nullptr, in_place, mean.data(), rstd.data(),
                          gamma.data(), beta.data(), mg.data(), mgx.data(), Activation::relu,
                          in_place, Write::set, nullptr, Write::set);
    EXPECT_EQ(in_place.values(), wanted_dx.values());
    EXPECT_EQ(sums, wanted);
    EXPECT_EQ(dx.values(), wanted_dx.values());
    EXPECT_EQ(adds.values(), wanted_adds.values());
    EXPECT_EQ(da.values(), wanted_da.values());
  }
}

TEST_P(NormTest, BatchNormBackwardsAddsTwoPartsAndKeepsWhatReluLetsThrough) {
  for (const auto& [rows, c] : {std::pair<int64_t, int64_t>{97, 6}, {9, 64}, {1201, 8}}) {
    const auto x = rounded(random(rows * c, 1)), y = rounded(random(rows * c, 2)),
               first = rounded(random(rows * c, 3)), second = rounded(random(rows * c, 4));
    const auto mean = random(c, 5), rstd = random(c, 6, 0.5f, 2);
    std::vector<float> g(x.size()), gated;
    for (size_t i = 0; i < g.size(); ++i) g[i] = first[i] + second[i];
    g = rounded(g);
    for (size_t i = 0; i < g.size(); ++i) gated.push_back(y[i] > 0 ? g[i] : 0);
    std::vector<double> sums(static_cast<size_t>(2 * c)), wanted(sums.size());
    const auto run = [&](const Element* dy, const Element* more, Activation act, Element* to,
                         std::vector<double>& result) {
      k.batch_norm_backward_sums(nullptr, rows, c, elements(x), elements(y), dy, more, mean.data(),
                                 rstd.data(), nullptr, nullptr, act, to, result.data(),
                                 Scratch(k, rows, c), nullptr);
    };
    run(elements(gated), nullptr, Activation::none, nullptr, wanted);
    Elements kept = elements(std::vector<float>(x.size(), 5.0f)), in_place = elements(first);
    run(elements(first), elements(second), Activation::relu, kept, sums);
    EXPECT_EQ(kept.values(), gated);
    EXPECT_EQ(sums, wanted);
    run(in_place, elements(second), Activation::relu, in_place, sums);
    EXPECT_EQ(in_place.values(), gated);
    EXPECT_EQ(sums, wanted);
    run(elements(g), nullptr, Activation::relu, nullptr, sums);
    EXPECT_EQ(sums, wanted);
  }
}

TEST_P(NormTest, LayerNormIsTheCpusForManyShapes) {
  const KernelTable& cpu = cpu_kernels();
  for (const auto& [rows, cols] :
       {std::pair<int64_t, int64_t>{1, 1}, {97, 6}, {7, 63}, {9, 64}, {33, 264}}) {
    const auto x = rounded(random(rows * cols, 1)), dy = rounded(random(rows * cols, 2));
    const auto gamma = random(cols, 3), beta = random(cols, 4);
    const size_t size = x.size(), width = gamma.size(), count = static_cast<size_t>(rows);
    std::vector<float> want_y(size), want_dx(size, 1.0f), want_dgamma(width), want_dbeta(width),
        mean(count), rstd(count), dgamma(width), dbeta(width);
    Elements y = elements(want_y), dx = elements(want_dx);
    const Elements in = elements(x), gradient = elements(dy);
    cpu.layer_norm_forward(nullptr, rows, cols, 1e-5f, x.data(), gamma.data(), beta.data(),
                           want_y.data(), mean.data(), rstd.data());
    cpu.layer_norm_backward(nullptr, rows, cols, x.data(), gamma.data(), mean.data(), rstd.data(),
                            dy.data(), want_dx.data(), Write::add, want_dgamma.data(),
                            want_dbeta.data(), Write::set, Scratch(cpu, rows, cols));
    const auto want_mean = mean, want_rstd = rstd;
    k.layer_norm_forward(nullptr, rows, cols, 1e-5f, in, gamma.data(), beta.data(), y, mean.data(),
                         rstd.data());
    expect_near(y, want_y, tolerance(2e-6));
    expect_near(mean, want_mean, 1e-6);
    expect_near(rstd, want_rstd, 1e-5);
    k.layer_norm_backward(nullptr, rows, cols, in, gamma.data(), want_mean.data(), want_rstd.data(),
                          gradient, dx, Write::add, dgamma.data(), dbeta.data(), Write::set,
                          Scratch(k, rows, cols));
    expect_near(dx, want_dx, tolerance(cols > 1 ? 1e-5 : 1e-3));  // one value: rstd is large
    expect_near(dgamma, want_dgamma, 1e-5);
    expect_near(dbeta, want_dbeta, 1e-5);
  }
}

TEST_P(NormTest, LayerNormKeepsUnitVarianceOnLongRows) {
  const int64_t cols = 4099;
  const Elements x = elements(random(3 * cols, 1, 50, 60));
  const std::vector<float> gamma(static_cast<size_t>(cols), 1.0f), beta(gamma.size());
  std::vector<float> mean(3), rstd(3);
  Elements y = x;
  k.layer_norm_forward(nullptr, 3, cols, 1e-5f, x, gamma.data(), beta.data(), y, mean.data(),
                       rstd.data());
  for (size_t r = 0; r < 3; ++r) {
    double sum = 0, squares = 0;
    for (size_t c = 0; c < gamma.size(); ++c) {
      const double v = y[r * gamma.size() + c];
      sum += v;
      squares += v * v;
    }
    EXPECT_NEAR(sum / static_cast<double>(cols), 0, tolerance(1e-5));
    EXPECT_NEAR(squares / static_cast<double>(cols), 1, tolerance(1e-5));
  }
}

TEST_P(NormTest, ActivationsOtherThanReluAreRefused) {
  EXPECT_EQ(k.batch_norm_forward(nullptr, 0, 1, nullptr, nullptr, nullptr, nullptr, nullptr,
                                 nullptr, Activation::tanh, nullptr),
            Status::unsupported);
}

INSTANTIATE_TEST_SUITE_P(Devices, NormTest, testing::ValuesIn(devices()), device_name);

}  // namespace
}  // namespace trireme::test
