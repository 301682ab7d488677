// The sum that plans do behind a library: no entry of the kernel table, so that it is tested here.
#include "kernels/cuda/own/bias.h"

#include <gtest/gtest.h>

#include "kernels/elements.h"

namespace trireme::test {
namespace {

TEST(AddBiasTest, EveryColumnGetsItsFp32BiasAndIsRoundedOnce) {
  for (const ElementType type : {ElementType::f32, ElementType::bf16, ElementType::f16}) {
    for (const auto& [rows, cols] : {std::pair<int64_t, int64_t>{5, 3}, {70, 16}, {9, 264}}) {
      std::vector<float> y, bias;
      for (int64_t i = 0; i < rows * cols; ++i) y.push_back(static_cast<float>(i % 251) - 100);
      for (int64_t c = 0; c < cols; ++c) bias.push_back(static_cast<float>(c) * 0.37f);
      Elements sum(type, y);
      ASSERT_EQ(cu::add_bias_of(type)(nullptr, rows, cols, bias.data(), sum), Status::ok);
      for (size_t i = 0; i < y.size(); ++i)
        ASSERT_EQ(sum[i], rounded(format_of(type), y[i] + bias[i % bias.size()])) << i;
    }
  }
}

}  // namespace
}  // namespace trireme::test
