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

  // Holds `sums` and dz against what was recorded as `name`.
  void expect(const std::string& name, double weight) {
    SCOPED_TRACE(name);
    EXPECT_NEAR(sums.loss, static_cast<double>(recorded(name)[0]), 1e-6 * (1 + sums.loss));
    EXPECT_NEAR(sums.weight, weight, 1e-12);
    expect_near(dz, recorded(name + ".dz"), 1e-6);
  }
};

TEST_P(LossTest, SoftmaxCrossEntropyEqualsPyTorchWithSmoothingAndClassWeights) {
  for (const char* smoothing : {"0.0", "0.1"}) {
    for (const char* kind : {"plain", "weighted"}) {
      const float* w = std::string(kind) == "weighted" ? weights.data() : nullptr;
      ASSERT_EQ(k.softmax_cross_entropy(nullptr, 6, 5, z.data(), labels().data(), nullptr, w,
                                        std::stof(smoothing), &sums, dz.data(), Write::set),
                Status::ok);
      const std::string name = std::string("cross_entropy.") + kind + "." + smoothing;
      expect(name, w ? 0.5 + 1.5 + 2 + 2 + 1 + 0.25 : 6);
      EXPECT_NEAR(sums.loss / sums.weight, static_cast<double>(recorded(name + ".mean")[0]), 1e-6);
    }
  }
}

TEST_P(LossTest, SigmoidCrossEntropyEqualsPyTorchWithPositiveWeight) {
  for (const char* weight : {"1.0", "3.0"}) {
    ASSERT_EQ(k.sigmoid_cross_entropy(nullptr, 6, 5, z.data(), t.data(), nullptr, std::stof(weight),
                                      &sums, dz.data(), Write::set),
              Status::ok);
    expect(std::string("bce.") + weight, 6);
  }
}

TEST_P(LossTest, RegressionLossesEqualPyTorch) {
  const std::pair<Regression, const char*> kinds[] = {
      {Regression::mse, "mse"}, {Regression::mae, "mae"}, {Regression::huber, "huber"}};
  for (const auto& [kind, name] : kinds) {
    ASSERT_EQ(k.regression(nullptr, kind, 0.7f, 6, 5, z.data(), t.data(), nullptr, &sums, dz.data(),
                           Write::set),
              Status::ok);
    expect(name, 6);
  }
}

TEST_P(LossTest, HingeEqualsPyTorchsMultiMargin) {
  for (bool squared : {false, true}) {
    ASSERT_EQ(k.hinge(nullptr, 6, 5, squared, 0.8f, z.data(), labels().data(), nullptr, &sums,
                      dz.data(), Write::set),
              Status::ok);
    expect(squared ? "hinge.2" : "hinge.1", 6);
  }
}

TEST_P(LossTest, BinaryHingeTakesLabelsAsSigns) {
  const float scores[] = {0.5f, 0.5f, -3, 2};
  const int64_t signs[] = {1, 0, 0, 1};
  float slope[4];
  ASSERT_EQ(k.hinge(nullptr, 4, 1, true, 1, scores, signs, nullptr, &sums, slope, Write::set),
            Status::ok);
  EXPECT_EQ(sums.loss, 0.25 + 2.25);
  EXPECT_EQ(std::vector<float>(slope, slope + 4), (std::vector<float>{-1, 3, 0, 0}));
}

TEST_P(LossTest, SampleWeightsScaleValueAndGradientAndAddAccumulates) {
  const std::vector<float> weight{0, 1, 2, 0.5f, 0, 3};
  const auto run = [&](const float* w, float* d, Write write, int which) {
    switch (which) {
      case 0:
        return k.softmax_cross_entropy(nullptr, 6, 5, z.data(), labels().data(), w, nullptr, 0.1f,
                                       &sums, d, write);
      case 1:
        return k.sigmoid_cross_entropy(nullptr, 6, 5, z.data(), t.data(), w, 2, &sums, d, write);
      case 2:
        return k.regression(nullptr, Regression::huber, 0.5f, 6, 5, z.data(), t.data(), w, &sums, d,
                            write);
      default:
        return k.hinge(nullptr, 6, 5, false, 1, z.data(), labels().data(), w, &sums, d, write);
    }
  };
  for (int which = 0; which < 4; ++which) {
    std::vector<float> plain(30), scaled(30, 1.0f);
    ASSERT_EQ(run(nullptr, plain.data(), Write::set, which), Status::ok);
    ASSERT_EQ(run(weight.data(), scaled.data(), Write::add, which), Status::ok);
    for (size_t i = 0; i < 30; ++i) {
      ASSERT_NEAR(scaled[i], 1 + weight[i / 5] * plain[i], 1e-6f) << which;
    }
    const LossSums with_gradient = sums;
    EXPECT_EQ(sums.weight, 6.5);
    ASSERT_EQ(run(weight.data(), nullptr, Write::set, which), Status::ok);
    EXPECT_EQ(sums.loss, with_gradient.loss) << "value only";
  }
}

TEST_P(LossTest, GradientsEqualCentralDifferences) {
  const auto label = random_labels(7, 33, 3);
  auto logits = random(7 * 33, 1);
  std::vector<float> d(logits.size());
  const auto value = [&](float* out) {
    EXPECT_EQ(k.softmax_cross_entropy(nullptr, 7, 33, logits.data(), label.data(), nullptr, nullptr,
                                      0.2f, &sums, out, Write::set),
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

TEST_P(LossTest, LabelsOutsideTheClassesAreRefusedAndNoRowsCostNothing) {
  const float row[] = {0, 0, 0};
  for (int64_t label : {-1, 3}) {
    EXPECT_EQ(k.softmax_cross_entropy(nullptr, 1, 3, row, &label, nullptr, nullptr, 0, &sums,
                                      nullptr, Write::set),
              Status::invalid);
    EXPECT_EQ(k.hinge(nullptr, 1, 3, false, 1, row, &label, nullptr, &sums, nullptr, Write::set),
              Status::invalid);
  }
  const int64_t two = 2;
  EXPECT_EQ(k.hinge(nullptr, 1, 1, false, 1, row, &two, nullptr, &sums, nullptr, Write::set),
            Status::invalid);
  EXPECT_EQ(k.regression(nullptr, Regression::huber, 0, 1, 3, row, row, nullptr, &sums, nullptr,
                         Write::set),
            Status::invalid);
  sums = {5, 5};
  EXPECT_EQ(k.regression(nullptr, Regression::mse, 1, 0, 3, row, row, nullptr, &sums, nullptr,
                         Write::set),
            Status::ok);
  EXPECT_EQ(sums.loss, 0);
  EXPECT_EQ(sums.weight, 0);
}

INSTANTIATE_TEST_SUITE_P(Levels, LossTest, testing::ValuesIn(levels()), level_name);

}  // namespace
}  // namespace trireme::test
