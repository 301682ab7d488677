#include "kernels/support.h"

namespace trireme::test {
namespace {

class ElementwiseTest : public KernelTest {};

TEST_P(ElementwiseTest, SimpleKernelsTouchExactlyNElementsAndRoundOnce) {
  for (int64_t n : sizes()) {
    const auto a = rounded(random(n, 1)), b = rounded(random(n, 2));
    const Elements x = elements(a), other = elements(b);
    const auto size = static_cast<size_t>(n);
    Elements y = elements(std::vector<float>(size + 1, 5.0f));
    k.add(nullptr, n, x, other, y);
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(y[i], rounded(a[i] + b[i]));
    k.accumulate(nullptr, n, x, y);
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(y[i], rounded(rounded(a[i] + b[i]) + a[i]));
    k.copy(nullptr, n, other, y);
    k.scale(nullptr, n, -3.0f, y);
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(y[i], rounded(b[i] * -3.0f));
    k.fill(nullptr, n, 2.5f, y);
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(y[i], 2.5f);
    EXPECT_EQ(y[size], 5.0f) << "one past the end";
  }
}

TEST_P(ElementwiseTest, AnElementThatDoesNotBeginWhereAVectorDoesIsNoDifferent) {
  const auto a = rounded(random(1003, 1)), b = rounded(random(1003, 2));
  const Elements x = elements(a), other = elements(b);
  for (size_t shift : {1, 2, 7}) {
    Elements y = elements(std::vector<float>(1003, 5.0f));
    k.add(nullptr, 990, x.at(shift), other.at(1), y.at(3));
    for (size_t i = 0; i < 990; ++i) ASSERT_EQ(y[i + 3], rounded(a[i + shift] + b[i + 1]));
    EXPECT_EQ(y[2], 5.0f);
    EXPECT_EQ(y[993], 5.0f);
  }
}

// Every number that an Element can be, infinite and NaN among them.
TEST_P(ElementwiseTest, WideningIsExact) {
  if (k.element == ElementType::f32) GTEST_SKIP() << "nothing to widen";
  std::vector<float> all;
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    all.push_back(value_of(k.element, static_cast<uint16_t>(bits)));
  const Elements x = elements(all);
  std::vector<float> y(all.size() + 1, 5.0f);
  ASSERT_EQ(k.widen(nullptr, 0x10000, x, y.data()), Status::ok);
  EXPECT_EQ(y.back(), 5.0f) << "one past the end";
  for (size_t i = 0; i < all.size(); ++i) {
    if (std::isnan(all[i]))
      ASSERT_TRUE(std::isnan(y[i])) << i;
    else
      ASSERT_EQ(std::bit_cast<uint32_t>(y[i]), std::bit_cast<uint32_t>(all[i])) << i;
  }
}

TEST_P(ElementwiseTest, NarrowingIsToNearestEvenOverTheWholeRange) {
  std::vector<float> x{0,       -0.0f,        INFINITY, -INFINITY,       65519.99f,    65520,
                       -65520,  0x1p-24f,     0x1p-25f, 0x1.000002p-25f, 0x1.ff8p-15f, 0x1.ffcp-15f,
                       3.4e38f, 3.3961776e38f};
  if (k.element != ElementType::f32) {
    for (uint32_t bits = 0; bits < 0x7fff; ++bits) {  // halfway between neighbours
      const float low = value_of(k.element, static_cast<uint16_t>(bits));
      const float high = value_of(k.element, static_cast<uint16_t>(bits + 1));
      if (std::isfinite(high)) x.push_back(0.5f * low + 0.5f * high);
    }
  }
  for (uint64_t i = 0; i < 50000; ++i) {
    const float any = std::bit_cast<float>(philox(3, i, 0)[0]);
    if (!std::isnan(any)) x.push_back(any);
  }
  const auto n = static_cast<int64_t>(x.size());
  Elements y = elements(std::vector<float>(x.size() + 1, 5.0f));
  ASSERT_EQ(k.narrow(nullptr, n, x.data(), y), Status::ok);
  for (size_t i = 0; i < x.size(); ++i)
    ASSERT_EQ(y[i], test::rounded(format_of(k.element), x[i])) << x[i];
  EXPECT_EQ(y[x.size()], 5.0f) << "one past the end";
  const std::vector<float> nan(9, std::nanf(""));
  ASSERT_EQ(k.narrow(nullptr, 9, nan.data(), y), Status::ok);
  for (size_t i = 0; i < 9; ++i) EXPECT_TRUE(std::isnan(y[i]));
}

TEST_P(ElementwiseTest, WhatIsFp32WhateverTheElementIsCopiedAndAccumulatedAsFloats) {
  const auto a = random(1003, 1), b = random(1003, 2);
  std::vector<float> y(1004, 5.0f);
  k.copy_full(nullptr, 1003, a.data(), y.data());
  k.accumulate_full(nullptr, 1003, b.data(), y.data());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_EQ(y[i], a[i] + b[i]);
  EXPECT_EQ(y[1003], 5.0f) << "one past the end";
}

// Infinities, ties between neighbours, what is denormal and what rounds to infinity among them.
TEST_P(ElementwiseTest, Bf16IsTheNearestEvenAndComesBackExactly) {
  std::vector<float> x{0, -0.0f, INFINITY, -INFINITY, 3.4e38f, 3.3961776e38f, 0x1p-140f, -1};
  for (uint32_t bits = 0; bits < 0x7f80; ++bits)
    x.push_back(std::bit_cast<float>(bits << 16 | 0x8000));
  for (uint64_t i = 0; i < 20000; ++i) {
    const float any = std::bit_cast<float>(philox(5, i, 0)[0]);
    if (!std::isnan(any)) x.push_back(any);
  }
  const auto n = static_cast<int64_t>(x.size());
  std::vector<Bf16> y(x.size() + 1, Bf16{0x1234});
  std::vector<float> back(x.size() + 1, 5.0f);
  ASSERT_EQ(k.to_bf16(nullptr, n, x.data(), y.data()), Status::ok);
  ASSERT_EQ(k.from_bf16(nullptr, n, y.data(), back.data()), Status::ok);
  const Format bf16 = format_of(ElementType::bf16);
  for (size_t i = 0; i < x.size(); ++i) {
    ASSERT_EQ(back[i], test::rounded(bf16, x[i])) << x[i];
    ASSERT_EQ(y[i].bits, bits_of(ElementType::bf16, test::rounded(bf16, x[i]))) << x[i];
  }
  EXPECT_EQ(y.back().bits, 0x1234) << "one past the end";
  EXPECT_EQ(back.back(), 5.0f) << "one past the end";
  std::vector<float> nan(9);
  for (uint32_t i = 0; i < 9; ++i)  // a NaN whose rounding would be infinite among them
    nan[i] = std::bit_cast<float>(0x7f800001 + i * 0xfff);
  ASSERT_EQ(k.to_bf16(nullptr, 9, nan.data(), y.data()), Status::ok);
  ASSERT_EQ(k.from_bf16(nullptr, 9, y.data(), back.data()), Status::ok);
  for (size_t i = 0; i < 9; ++i) EXPECT_TRUE(std::isnan(back[i]));
}

TEST_P(ElementwiseTest, AddMayWriteOverItsOperand) {
  const auto a = rounded(random(1000, 1)), b = rounded(random(1000, 2));
  Elements y = elements(a);
  k.add(nullptr, 1000, y, elements(b), y);
  for (size_t i = 0; i < a.size(); ++i) ASSERT_EQ(y[i], rounded(a[i] + b[i]));
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
      const auto x = rounded(random(n, 3, -6, 6));
      Elements y = elements(std::vector<float>(x.size()));
      ASSERT_EQ(k.activation_forward(nullptr, act, 0.125f, n, elements(x), y), Status::ok);
      for (size_t i = 0; i < x.size(); ++i) {
        const double want = reference(act, static_cast<double>(x[i]));
        ASSERT_NEAR(static_cast<double>(y[i]), want,
                    tolerance(1e-6) * std::max(1.0, std::abs(want)))
            << static_cast<int>(act) << " " << x[i];
      }
    }
  }
}

TEST_P(ElementwiseTest, ActivationGradientsEqualCentralDifferences) {
  const auto x = rounded(random(1001, 3, -4, 4)), dy = rounded(random(1001, 4));
  for (auto act : kAll) {
    Elements y = elements(std::vector<float>(x.size())), set = y,
             sum = elements(std::vector<float>(x.size(), 10.0f)), aliased = elements(dy);
    const bool from_y = act == Activation::relu || act == Activation::leaky_relu ||
                        act == Activation::sigmoid || act == Activation::tanh;
    const Elements saved = elements(x);
    const Element* input = from_y ? nullptr : static_cast<Element*>(saved);
    k.activation_forward(nullptr, act, 0.125f, 1001, saved, y);
    const auto backward = [&](const Element* g, Element* dx, Write write) {
      ASSERT_EQ(k.activation_backward(nullptr, act, 0.125f, 1001, input, y, g, dx, write),
                Status::ok);
    };
    backward(elements(dy), set, Write::set);
    backward(elements(dy), sum, Write::add);
    backward(aliased, aliased, Write::set);
    for (size_t i = 0; i < x.size(); ++i) {
      const double h = 1e-5, v = x[i];
      const double slope = (reference(act, v + h) - reference(act, v - h)) / (2 * h);
      // dx is rounded, and so was y: 1 - y^2 errs by twice as much.
      ASSERT_NEAR(static_cast<double>(set[i]), slope * static_cast<double>(dy[i]),
                  tolerance(3e-6, 6))
          << static_cast<int>(act) << " at " << v;
      ASSERT_NEAR(static_cast<double>(sum[i]), static_cast<double>(set[i] + 10.0f),
                  10 * tolerance(2e-7, 2));
      ASSERT_EQ(aliased[i], set[i]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, ElementwiseTest, testing::ValuesIn(devices()), device_name);

}  // namespace
}  // namespace trireme::test
