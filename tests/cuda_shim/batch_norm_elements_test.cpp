// Batch norm and bias gradients over elements of two bytes, against the same kernels over floats:
// what is written is the float's result rounded once.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"
#include "cuda_shim/execution.h"
#include "cuda_shim/table.h"
#include "tensor/buffer.h"

namespace trireme::test {
namespace {

class BatchNormElements : public testing::TestWithParam<ElementType> {
 protected:
  // Aligned, so that the kernels read several elements at a time where the channels allow it.
  struct Elements {
    AlignedBuffer bytes;
    Element* at() const { return reinterpret_cast<Element*>(bytes.data()); }
  };
  ~BatchNormElements() override { EXPECT_EQ(cuda_shim::take_fault(), ""); }

  Elements narrow(const std::vector<float>& values) const {
    Elements to{AlignedBuffer(values.size() * bytes_of(GetParam()))};
    k.narrow(nullptr, static_cast<int64_t>(values.size()), values.data(), to.at());
    return to;
  }
  std::vector<float> widen(const Elements& from, size_t count) const {
    std::vector<float> to(count);
    k.widen(nullptr, static_cast<int64_t>(count), from.at(), to.data());
    return to;
  }
  // What the elements can hold.
  std::vector<float> rounded(const std::vector<float>& values) const {
    return widen(narrow(values), values.size());
  }
  std::vector<float> drawn(int64_t n, uint64_t seed) const {
    std::vector<float> v(static_cast<size_t>(n));
    for (size_t i = 0; i < v.size(); ++i) v[i] = 4 * to_unit_float(philox(seed, i, 7)[0]) - 2;
    return rounded(v);
  }
  static void expect_close(const std::vector<double>& actual, const std::vector<double>& wanted) {
    for (size_t i = 0; i < wanted.size(); ++i)
      ASSERT_NEAR(actual[i], wanted[i], 1e-10 * (1 + std::abs(wanted[i]))) << i;
  }

  const KernelTable& k = cuda_shim::kernels(GetParam());
  const KernelTable& full = cuda_shim::kernels(ElementType::f32);
};

struct Shape {
  int64_t rows, c;
};
constexpr Shape kShapes[] = {{2500, 16}, {37, 8}, {700, 12}, {9, 5}};

TEST_P(BatchNormElements, SumsAreThoseOfTheFloats) {
  for (const auto& [rows, c] : kShapes) {
    const auto x = drawn(rows * c, 1), dy = drawn(rows * c, 2), y = drawn(rows * c, 3),
               mean = drawn(c, 4), rstd = drawn(c, 5);
    const auto size = static_cast<size_t>(2 * c);
    const AlignedBuffer scratch(k.reduction_scratch(rows, c));
    std::vector<double> sums(size), wanted(size);
    const auto x2 = narrow(x), dy2 = narrow(dy), y2 = narrow(y);
    k.batch_norm_sums(nullptr, rows, c, x2.at(), sums.data(), scratch.data(), nullptr);
    full.batch_norm_sums(nullptr, rows, c, x.data(), wanted.data(), scratch.data(), nullptr);
    expect_close(sums, wanted);
    k.batch_norm_backward_sums(nullptr, rows, c, x2.at(), y2.at(), dy2.at(), nullptr, mean.data(),
                               rstd.data(), nullptr, nullptr, Activation::relu, nullptr,
                               sums.data(), scratch.data(), nullptr);
    full.batch_norm_backward_sums(nullptr, rows, c, x.data(), y.data(), dy.data(), nullptr,
                                  mean.data(), rstd.data(), nullptr, nullptr, Activation::relu,
                                  nullptr, wanted.data(), scratch.data(), nullptr);
    expect_close(sums, wanted);
    std::vector<float> bias(static_cast<size_t>(c)), wanted_bias(bias.size());
    k.column_sum(nullptr, rows, c, dy2.at(), bias.data(), Write::set, scratch.data());
    full.column_sum(nullptr, rows, c, dy.data(), wanted_bias.data(), Write::set, scratch.data());
    for (size_t i = 0; i < bias.size(); ++i) ASSERT_FLOAT_EQ(bias[i], wanted_bias[i]);
  }
}

TEST_P(BatchNormElements, ResultsAreThoseOfTheFloatsRoundedOnce) {
  for (const auto& [rows, c] : kShapes) {
    const auto x = drawn(rows * c, 1), dy = drawn(rows * c, 2), addend = drawn(rows * c, 3),
               mean = drawn(c, 4), rstd = drawn(c, 5), gamma = drawn(c, 6), beta = drawn(c, 7),
               mean_g = drawn(c, 8), mean_gx = drawn(c, 9);
    auto y = drawn(rows * c, 10), dx = drawn(rows * c, 11), da = drawn(rows * c, 12);
    const auto x2 = narrow(x), dy2 = narrow(dy), addend2 = narrow(addend), y2 = narrow(y),
               dx2 = narrow(dx), da2 = narrow(da);
    k.batch_norm_forward(nullptr, rows, c, x2.at(), mean.data(), rstd.data(), gamma.data(),
                         beta.data(), addend2.at(), Activation::relu, y2.at());
    full.batch_norm_forward(nullptr, rows, c, x.data(), mean.data(), rstd.data(), gamma.data(),
                            beta.data(), addend.data(), Activation::relu, y.data());
    y = rounded(y);
    EXPECT_EQ(widen(y2, y.size()), y);
    for (const Write write : {Write::set, Write::add}) {
      k.batch_norm_backward(nullptr, rows, c, x2.at(), y2.at(), dy2.at(), mean.data(), rstd.data(),
                            gamma.data(), nullptr, mean_g.data(), mean_gx.data(), Activation::relu,
                            dx2.at(), write, da2.at(), write);
      full.batch_norm_backward(nullptr, rows, c, x.data(), y.data(), dy.data(), mean.data(),
                               rstd.data(), gamma.data(), nullptr, mean_g.data(), mean_gx.data(),
                               Activation::relu, dx.data(), write, da.data(), write);
      dx = rounded(dx);
      da = rounded(da);
      EXPECT_EQ(widen(dx2, dx.size()), dx);
      EXPECT_EQ(widen(da2, da.size()), da);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(TwoBytes, BatchNormElements,
                         testing::Values(ElementType::bf16, ElementType::f16),
                         [](const testing::TestParamInfo<ElementType>& of) {
                           return std::string(of.param == ElementType::bf16 ? "bf16" : "f16");
                         });

}  // namespace
}  // namespace trireme::test
