// Our exp, tanh, erf and sigmoid, seen through the kernels that use them, against libm in fp64.
#include <limits>

#include "kernels/support.h"

namespace trireme::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class MathTest : public KernelTest {
 protected:
  void SetUp() override {
    if (k.element != ElementType::f32) GTEST_SKIP() << "an Element does not show an ulp of fp32";
  }
  std::vector<float> forward(Activation act, const std::vector<float>& x) {
    std::vector<float> y(x.size());
    EXPECT_EQ(
        k.activation_forward(nullptr, act, 0, static_cast<int64_t>(x.size()), x.data(), y.data()),
        Status::ok);
    return y;
  }
};

std::vector<float> grid(float low, float high, int64_t n) {
  std::vector<float> x(static_cast<size_t>(n));
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = low + (high - low) * static_cast<float>(i) / static_cast<float>(n - 1);
  }
  return x;
}

double ulps(float actual, double expected) {
  const auto near = static_cast<float>(std::abs(expected));
  const double ulp = static_cast<double>(std::nextafter(near, kInf)) - static_cast<double>(near);
  return std::abs(static_cast<double>(actual) - expected) / ulp;
}

TEST_P(MathTest, TanhStaysWithinThreeUlpsOfLibm) {
  const auto x = grid(-12, 12, 400001);
  const auto y = forward(Activation::tanh, x);
  for (size_t i = 0; i < x.size(); ++i) {
    ASSERT_LE(ulps(y[i], std::tanh(static_cast<double>(x[i]))), 3) << x[i];
  }
}

TEST_P(MathTest, SigmoidStaysWithinFourUlpsOfLibm) {
  const auto x = grid(-80, 80, 400001);
  const auto y = forward(Activation::sigmoid, x);
  for (size_t i = 0; i < x.size(); ++i) {
    ASSERT_LE(ulps(y[i], 1 / (1 + std::exp(-static_cast<double>(x[i])))), 4) << x[i];
  }
}

// softmax of (0, x) is (1, e^x) / (1 + e^x); of a row whose maximum is far above, e^x itself.
TEST_P(MathTest, ExpStaysWithinThreeUlpsOverTheNormalRange) {
  const auto x = grid(-86, 0, in_shim() ? 2001 : 200001);  // a block each
  std::vector<float> rows(2 * x.size()), y(rows.size());
  for (size_t i = 0; i < x.size(); ++i) rows[2 * i] = x[i] - 0.0f;
  ASSERT_EQ(k.softmax_forward(nullptr, static_cast<int64_t>(x.size()), 2, rows.data(), y.data()),
            Status::ok);
  for (size_t i = 0; i < x.size(); ++i) {
    const double e = std::exp(static_cast<double>(x[i]));
    ASSERT_LE(ulps(y[2 * i], e / (1 + e)), 4) << x[i];
  }
}

TEST_P(MathTest, ErfStaysWithinThreeUlpsOfLibm) {
  const auto x = grid(-6, 6, 400001);
  const auto y = forward(Activation::gelu_erf, x);
  for (size_t i = 0; i < x.size(); ++i) {
    const double v = x[i], root = static_cast<double>(x[i] * 0.7071067811865476f);
    // gelu_erf(x) = x (1 + erf) / 2: an error of erf shows undiminished next to 1.
    const double expected = 0.5 * v * (1 + std::erf(root));
    ASSERT_LE(std::abs(static_cast<double>(y[i]) - expected), 3 * 0x1p-24 * std::abs(v)) << x[i];
  }
}

TEST_P(MathTest, LogStaysAccurateInTheLogisticLoss) {
  const auto z = grid(-60, 60, in_shim() ? 201 : 20001);  // a launch each
  for (float v : z) {
    const float zero = 0;
    LossSums sums{};
    ASSERT_EQ(k.sigmoid_cross_entropy(nullptr, 1, 1, &v, &zero, nullptr, 1, &sums, nullptr,
                                      Write::set, nullptr, Scratch(k, 1, 1)),
              Status::ok);
    const double d = v;
    const double expected = std::max(d, 0.0) + std::log1p(std::exp(-std::abs(d)));
    ASSERT_LE(std::abs(sums.loss - expected), 3e-7 * expected) << v;
  }
}

TEST_P(MathTest, ExtremesAndNotANumberBehaveAsInLibm) {
  const std::vector<float> x{-kInf, -1e30f, -200, -0.0f, 0, 200, 1e30f, kInf, kNan};
  const auto tanh = forward(Activation::tanh, x), sigmoid = forward(Activation::sigmoid, x);
  EXPECT_EQ(std::vector<float>(tanh.begin(), tanh.end() - 1),
            (std::vector<float>{-1, -1, -1, 0, 0, 1, 1, 1}));
  EXPECT_EQ(std::vector<float>(sigmoid.begin(), sigmoid.end() - 1),
            (std::vector<float>{0, 0, 0, 0.5f, 0.5f, 1, 1, 1}));
  for (auto act : {Activation::tanh, Activation::sigmoid, Activation::relu, Activation::leaky_relu,
                   Activation::gelu_erf, Activation::gelu_tanh, Activation::silu}) {
    const auto y = forward(act, x);
    EXPECT_TRUE(std::isnan(y.back())) << static_cast<int>(act);
    EXPECT_EQ(y[7], act == Activation::tanh || act == Activation::sigmoid ? 1 : kInf);
    for (size_t i = 1; i + 2 < y.size(); ++i) EXPECT_TRUE(std::isfinite(y[i])) << x[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, MathTest, testing::ValuesIn(devices()), device_name);

}  // namespace
}  // namespace trireme::test
