#include "kernels/recorded.h"
#include "kernels/support.h"

namespace trireme::test {
namespace {

class LossTest : public KernelTest {
 protected:
  static std::vector<int64_t> labels() {
    const auto& v = recorded("labels");
    return {v.begin(), v.end()};
  }
  std::vector<float> z = recorded("z"), t = recorded("t"), weights = recorded("class_weight");
  std::vector<float> dz = std::vector<float>(30, 9.0f);
  LossSums sums{};
  Scratch scratch{k, 7, 1};  // no test has more rows

  // Holds `sums` and dz against what was recorded as `name`.
  void expect(const std::string& name, double weight) {
    SCOPED_TRACE(name);
    EXPECT_NEAR(sums.loss, static_cast<double>(recorded(name)[0]), 1e-6 * (1 + sums.loss));
    EXPECT_NEAR(sums.weight, weight, 1e-12);
    expect_near(dz, recorded(name + ".dz"), 1e-6);
  }
};

TEST_P(LossTest, SoftmaxCrossEntropyEqualsPyTorchWithSmoothingAndClassWeights) {
  if (k.element != ElementType::f32) GTEST_SKIP() << "recorded in fp32";
  for (const char* smoothing : {"0.0", "0.1"}) {
    for (const char* kind : {"plain", "weighted"}) {
      const float* w = std::string(kind) == "weighted" ? weights.data() : nullptr;
      ASSERT_EQ(k.softmax_cross_entropy(nullptr, 6, 5, z.data(), labels().data(), nullptr, w,
                                        std::stof(smoothing), &sums, dz.data(), Write::set, nullptr,
                                        scratch),
                Status::ok);
      const std::string name = std::string("cross_entropy.") + kind + "." + smoothing;
      expect(name, w ? 0.5 + 1.5 + 2 + 2 + 1 + 0.25 : 6);
      EXPECT_NEAR(sums.loss / sums.weight, static_cast<double>(recorded(name + ".mean")[0]), 1e-6);
    }
  }
}

TEST_P(LossTest, SigmoidCrossEntropyEqualsPyTorchWithPositiveWeight) {
  if (k.element != ElementType::f32) GTEST_SKIP() << "recorded in fp32";
  for (const char* weight : {"1.0", "3.0"}) {
    ASSERT_EQ(k.sigmoid_cross_entropy(nullptr, 6, 5, z.data(), t.data(), nullptr, std::stof(weight),
                                      &sums, dz.data(), Write::set, nullptr, scratch),
              Status::ok);
    expect(std::string("bce.") + weight, 6);
  }
}

TEST_P(LossTest, RegressionLossesEqualPyTorch) {
  if (k.element != ElementType::f32) GTEST_SKIP() << "recorded in fp32";
  const std::pair<Regression, const char*> kinds[] = {
      {Regression::mse, "mse"}, {Regression::mae, "mae"}, {Regression::huber, "huber"}};
  for (const auto& [kind, name] : kinds) {
    ASSERT_EQ(k.regression(nullptr, kind, 0.7f, 6, 5, z.data(), t.data(), nullptr, &sums, dz.data(),
                           Write::set, nullptr, scratch),
              Status::ok);
    expect(name, 6);
  }
}

TEST_P(LossTest, HingeEqualsPyTorchsMultiMargin) {
  if (k.element != ElementType::f32) GTEST_SKIP() << "recorded in fp32";
  for (bool squared : {false, true}) {
    ASSERT_EQ(k.hinge(nullptr, 6, 5, squared, 0.8f, z.data(), labels().data(), nullptr, &sums,
                      dz.data(), Write::set, nullptr, scratch),
              Status::ok);
    expect(squared ? "hinge.2" : "hinge.1", 6);
  }
}

TEST_P(LossTest, BinaryHingeTakesLabelsAsSigns) {
  const Elements scores = elements({0.5f, 0.5f, -3, 2});
  const int64_t signs[] = {1, 0, 0, 1};
  Elements slope = elements(std::vector<float>(4));
  ASSERT_EQ(k.hinge(nullptr, 4, 1, true, 1, scores, signs, nullptr, &sums, slope, Write::set,
                    nullptr, scratch),
            Status::ok);
  EXPECT_EQ(sums.loss, 0.25 + 2.25);
  EXPECT_EQ(slope.values(), (std::vector<float>{-1, 3, 0, 0}));
}

// The losses, by number, of 6 samples of 5 logits.
class EveryLossTest : public LossTest {
 protected:
  static constexpr int kLosses = 6;
  Status run(const KernelTable& table, int which, const Element* logits, const float* w, Element* d,
             Write write, const float* loss_scale = nullptr) {
    switch (which) {
      case 0:
        return table.softmax_cross_entropy(nullptr, 6, 5, logits, labels().data(), w, nullptr, 0.1f,
                                           &sums, d, write, loss_scale, scratch);
      case 1:
        return table.sigmoid_cross_entropy(nullptr, 6, 5, logits, t.data(), w, 2, &sums, d, write,
                                           loss_scale, scratch);
      case 2:
        return table.hinge(nullptr, 6, 5, false, 1, logits, labels().data(), w, &sums, d, write,
                           loss_scale, scratch);
      default:
        return table.regression(nullptr, static_cast<Regression>(which - 3), 0.5f, 6, 5, logits,
                                t.data(), w, &sums, d, write, loss_scale, scratch);
    }
  }
  const std::vector<float> weight{0, 1, 2, 0.5f, 0, 3};
};

TEST_P(EveryLossTest, SampleWeightsScaleValueAndGradientAndAddAccumulates) {
  const Elements logits = elements(z);
  for (int which = 0; which < kLosses; ++which) {
    Elements plain = elements(std::vector<float>(30)),
             scaled = elements(std::vector<float>(30, 1.0f));
    ASSERT_EQ(run(k, which, logits, nullptr, plain, Write::set), Status::ok);
    ASSERT_EQ(run(k, which, logits, weight.data(), scaled, Write::add), Status::ok);
    for (size_t i = 0; i < 30; ++i) {
      const double want = 1 + static_cast<double>(weight[i / 5] * plain[i]);
      ASSERT_NEAR(static_cast<double>(scaled[i]), want, 3 * tolerance(3e-7, 2)) << which;
    }
    const LossSums with_gradient = sums;
    EXPECT_EQ(sums.weight, 6.5);
    ASSERT_EQ(run(k, which, logits, weight.data(), nullptr, Write::set), Status::ok);
    EXPECT_EQ(sums.loss, with_gradient.loss) << "value only";
  }
}

// To the bit in fp32. In two bytes a scaled gradient keeps what an unscaled one loses.
TEST_P(EveryLossTest, ALossScaleMultipliesTheGradientBeforeItIsRoundedAndNotTheValue) {
  const Elements logits = elements(z);
  for (int which = 0; which < kLosses; ++which) {
    std::vector<float> exact(30);
    ASSERT_EQ(run(cpu_kernels(), which, rounded(z).data(), nullptr, exact.data(), Write::set),
              Status::ok);
    Elements plain = elements(std::vector<float>(30)), scaled = elements(std::vector<float>(30));
    ASSERT_EQ(run(k, which, logits, nullptr, plain, Write::set), Status::ok);
    const double value = sums.loss;
    for (const float scale : {1.0f, 0x1p-6f, 1024.0f}) {
      ASSERT_EQ(run(k, which, logits, nullptr, scaled, Write::set, &scale), Status::ok);
      EXPECT_EQ(sums.loss, value);
      EXPECT_EQ(sums.weight, 6);
      if (k.element == ElementType::f32) {
        for (size_t i = 0; i < 30; ++i) ASSERT_EQ(scaled[i], plain[i] * scale) << which;
      } else {
        for (size_t i = 0; i < 30; ++i)
          ASSERT_NEAR(scaled[i], exact[i] * scale,
                      tolerance(1e-6) * (0.05 + std::abs(exact[i])) * scale)
              << which;
      }
    }
  }
}

TEST_P(EveryLossTest, ValuesAreTheCpusToFp32AndGradientsAreRoundedOnce) {
  const auto exact = rounded(z);
  for (int which = 0; which < kLosses; ++which) {
    std::vector<float> want(30);
    ASSERT_EQ(run(cpu_kernels(), which, exact.data(), weight.data(), want.data(), Write::set),
              Status::ok);
    const LossSums of_cpu = sums;
    Elements d = elements(std::vector<float>(30, 9.0f));
    ASSERT_EQ(run(k, which, elements(z), weight.data(), d, Write::set), Status::ok);
    EXPECT_NEAR(sums.loss, of_cpu.loss, 1e-6 * (1 + of_cpu.loss)) << which;
    EXPECT_EQ(sums.weight, of_cpu.weight);
    expect_near(d, want, tolerance(1e-6), "gradient");
  }
}

TEST_P(LossTest, GradientsEqualCentralDifferences) {
  if (k.element != ElementType::f32) GTEST_SKIP() << "steps are too small for an Element";
  const auto label = random_labels(7, 33, 3);
  auto logits = random(7 * 33, 1);
  std::vector<float> d(logits.size());
  const auto value = [&](float* out) {
    EXPECT_EQ(k.softmax_cross_entropy(nullptr, 7, 33, logits.data(), label.data(), nullptr, nullptr,
                                      0.2f, &sums, out, Write::set, nullptr, scratch),
              Status::ok);
    return sums.loss;
  };
  value(d.data());
  for (size_t i = 0; i < logits.size(); i += 5) {
    const float before = logits[i], h = 0x1p-7f;
    logits[i] = before + h;
    const double above = value(nullptr);
    logits[i] = before - h;
    const double below = value(nullptr);
    logits[i] = before;
    EXPECT_NEAR(static_cast<double>(d[i]), (above - below) * 64, 2e-4);
  }
}

TEST_P(LossTest, LabelsOutsideTheClassesAreRefusedOrMakeTheLossNaNAndItsRowZero) {
  const Elements row = elements({0, 0, 0});
  const auto expect_refused = [&](Status status, const Elements& d) {
    EXPECT_EQ(status, on_cpu() ? Status::invalid : Status::ok);
    if (on_cpu()) return;
    EXPECT_TRUE(std::isnan(sums.loss));
    EXPECT_EQ(d.values(), std::vector<float>(d.size()));
  };
  for (int64_t label : {-1, 3}) {
    Elements d = elements(std::vector<float>(3, 9.0f));
    Status s = k.softmax_cross_entropy(nullptr, 1, 3, row, &label, nullptr, nullptr, 0, &sums, d,
                                       Write::set, nullptr, scratch);
    expect_refused(s, d);
    d = elements(std::vector<float>(3, 9.0f));
    s = k.hinge(nullptr, 1, 3, false, 1, row, &label, nullptr, &sums, d, Write::set, nullptr,
                scratch);
    expect_refused(s, d);
  }
  const int64_t two = 2;
  Elements d = elements({9.0f});
  const Status s =
      k.hinge(nullptr, 1, 1, false, 1, row, &two, nullptr, &sums, d, Write::set, nullptr, scratch);
  expect_refused(s, d);
}

TEST_P(LossTest, BinaryTargetsAreTheLabelsAndOthersAreRefusedOrNaN) {
  const std::vector<int64_t> labels{0, 1, 1, 0, 2, -1};
  std::vector<float> t(6, 9.0f);
  ASSERT_EQ(k.binary_targets(nullptr, 4, labels.data(), t.data()), Status::ok);
  EXPECT_EQ(t, (std::vector<float>{0, 1, 1, 0, 9, 9}));
  EXPECT_EQ(k.binary_targets(nullptr, 6, labels.data(), t.data()),
            on_cpu() ? Status::invalid : Status::ok);
  if (on_cpu()) return;
  EXPECT_TRUE(std::isnan(t[4]) && std::isnan(t[5]));
}

TEST_P(LossTest, ManyRowsAreAddedUpAndNoneCostNothing) {
  for (int64_t rows : {1, 33, 1030, 3001}) {
    const Scratch room(k, rows, 1);
    const auto p = rounded(random(rows * 3, 1)), t = random(rows * 3, 2), w = random(rows, 3, 0, 2);
    const auto label = random_labels(rows, 3, 4);
    const Elements in = elements(p);
    Elements d = in;
    double want = 0, weight = 0, want_entropy = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      const double e = static_cast<double>(p[i]) - static_cast<double>(t[i]);
      want += static_cast<double>(w[i / 3]) * e * e / 3;
    }
    for (size_t r = 0; r < w.size(); ++r) {
      weight += static_cast<double>(w[r]);
      double sum = 0;
      for (size_t c = 0; c < 3; ++c) sum += std::exp(static_cast<double>(p[3 * r + c]));
      want_entropy +=
          static_cast<double>(w[r]) *
          (std::log(sum) - static_cast<double>(p[3 * r + static_cast<size_t>(label[r])]));
    }
    ASSERT_EQ(k.regression(nullptr, Regression::mse, 1, rows, 3, in, t.data(), w.data(), &sums, d,
                           Write::set, nullptr, room),
              Status::ok);
    EXPECT_NEAR(sums.loss, want, 1e-6 * want);
    EXPECT_NEAR(sums.weight, weight, 1e-12 * weight);
    ASSERT_EQ(k.softmax_cross_entropy(nullptr, rows, 3, in, label.data(), w.data(), nullptr, 0,
                                      &sums, d, Write::set, nullptr, room),
              Status::ok);
    EXPECT_NEAR(sums.loss, want_entropy, 1e-6 * want_entropy);
    EXPECT_NEAR(sums.weight, weight, 1e-12 * weight);
  }
  const std::vector<float> targets(3);
  const Elements row = elements(targets);
  EXPECT_EQ(k.regression(nullptr, Regression::huber, 0, 1, 3, row, targets.data(), nullptr, &sums,
                         nullptr, Write::set, nullptr, scratch),
            Status::invalid);
  sums = {5, 5};
  EXPECT_EQ(k.regression(nullptr, Regression::mse, 1, 0, 3, row, targets.data(), nullptr, &sums,
                         nullptr, Write::set, nullptr, scratch),
            Status::ok);
  EXPECT_EQ(sums.loss, 0);
  EXPECT_EQ(sums.weight, 0);
}

INSTANTIATE_TEST_SUITE_P(Devices, LossTest, testing::ValuesIn(devices()), device_name);
INSTANTIATE_TEST_SUITE_P(Devices, EveryLossTest, testing::ValuesIn(devices()), device_name);

}  // namespace
}  // namespace trireme::test
