#include "kernels/support.h"

namespace trireme::test {
namespace {

class ElementwiseTest : public KernelTest {};

TEST_P(ElementwiseTest, SimpleKernelsTouchExactlyNElements) {
  for (int64_t n : sizes()) {
    const auto a = random(n, 1), b = random(n, 2);
    const auto size = static_cast<size_t>(n);
    std::vector<float> y(size + 1, 5.0f);
    k.add(nullptr, n, a.data(), b.data(), y.data());
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(y[i], a[i] + b[i]);
    k.accumulate(nullptr, n, a.data(), y.data());
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(y[i], (a[i] + b[i]) + a[i]);
    k.copy(nullptr, n, b.data(), y.data());
    k.scale(nullptr, n, -3.0f, y.data());
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(y[i], b[i] * -3.0f);
    k.fill(nullptr, n, 2.5f, y.data());
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(y[i], 2.5f);
    EXPECT_EQ(y[size], 5.0f) << "one past the end";
  }
}

TEST_P(ElementwiseTest, WhatIsFp32WhateverTheElementIsCopiedAndAccumulatedAsFloats) {
  const auto a = random(1003, 1), b = random(1003, 2);
  std::vector<float> y(1004, 5.0f);
  k.copy_full(nullptr, 1003, a.data(), y.data());
  k.accumulate_full(nullptr, 1003, b.data(), y.data());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_EQ(y[i], a[i] + b[i]);
  EXPECT_EQ(y[1003], 5.0f) << "one past the end";
}

TEST_P(ElementwiseTest, AddMayWriteOverItsOperand) {
  auto a = random(1000, 1);
  const auto before = a, b = random(1000, 2);
  k.add(nullptr, 1000, a.data(), b.data(), a.data());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_EQ(a[i], before[i] + b[i]);
}

constexpr Activation kAll[] = {Activation::none,     Activation::relu,      Activation::leaky_relu,
                               Activation::gelu_erf, Activation::gelu_tanh, Activation::silu,
                               Activation::sigmoid,  Activation::tanh};

double reference(Activation act, double x) {
  switch (act) {
    case Activation::none:
      return x;
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::leaky_relu:
      return x < 0 ? x * 0.125 : x;
    case Activation::gelu_erf:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
  }
  return 0;
}

TEST_P(ElementwiseTest, ActivationsEqualTheirDefinitions) {
  for (auto act : kAll) {
    for (int64_t n : {0, 1, 3, 31, 33, 10007}) {
      const auto x = random(n, 3, -6, 6);
      std::vector<float> y(x.size());
      ASSERT_EQ(k.activation_forward(nullptr, act, 0.125f, n, x.data(), y.data()), Status::ok);
      for (size_t i = 0; i < x.size(); ++i) {
        const double want = reference(act, static_cast<double>(x[i]));
        ASSERT_NEAR(static_cast<double>(y[i]), want, 1e-6) << static_cast<int>(act) << " " << x[i];
      }
    }
  }
}

TEST_P(ElementwiseTest, ActivationGradientsEqualCentralDifferences) {
  const auto x = random(1001, 3, -4, 4), dy = random(1001, 4);
  for (auto act : kAll) {
    std::vector<float> y(x.size()), set(x.size()), sum(x.size(), 10.0f), aliased = dy;
    const bool from_y = act == Activation::relu || act == Activation::leaky_relu ||
                        act == Activation::sigmoid || act == Activation::tanh;
    const float* input = from_y ? nullptr : x.data();
    k.activation_forward(nullptr, act, 0.125f, 1001, x.data(), y.data());
    const auto backward = [&](const float* g, float* dx, Write write) {
      ASSERT_EQ(k.activation_backward(nullptr, act, 0.125f, 1001, input, y.data(), g, dx, write),
                Status::ok);
    };
    backward(dy.data(), set.data(), Write::set);
    backward(dy.data(), sum.data(), Write::add);
    backward(aliased.data(), aliased.data(), Write::set);
    for (size_t i = 0; i < x.size(); ++i) {
      const double h = 1e-5, v = x[i];
      const double slope = (reference(act, v + h) - reference(act, v - h)) / (2 * h);
      ASSERT_NEAR(static_cast<double>(set[i]), slope * static_cast<double>(dy[i]), 3e-6)
          << static_cast<int>(act) << " at " << v;
      ASSERT_NEAR(sum[i], set[i] + 10.0f, 2e-6f);
      ASSERT_EQ(aliased[i], set[i]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, ElementwiseTest, testing::ValuesIn(devices()), device_name);

}  // namespace
}  // namespace trireme::test
