#include "kernels/support.h"

namespace trireme::test {
namespace {

class RowsTest : public KernelTest {};

constexpr int64_t kShapes[][2] = {{0, 5},   {1, 1},   {3, 1},    {7, 6},    {33, 10},   {1000, 3},
                                  {31, 63}, {31, 64}, {17, 257}, {5, 1000}, {100003, 6}};

TEST_P(RowsTest, ColumnSumEqualsTheDefinition) {
  for (const auto& [rows, cols] : kShapes) {
    const auto x = rounded(random(rows * cols, 1));
    const Elements in = elements(x);
    std::vector<double> want(static_cast<size_t>(cols)), added(want.size());
    for (size_t i = 0; i < x.size(); ++i) {
      want[i % want.size()] += static_cast<double>(x[i]);
    }
    std::vector<float> set(want.size(), 9.0f), sum(want.size(), 2.0f);
    const Scratch scratch(k, rows, cols);
    k.column_sum(nullptr, rows, cols, in, set.data(), Write::set, scratch);
    k.column_sum(nullptr, rows, cols, in, sum.data(), Write::add, scratch);
    for (size_t c = 0; c < want.size(); ++c) added[c] = want[c] + 2;
    expect_near(set, want, 1e-6);
    expect_near(sum, added, 1e-6);
  }
}

TEST_P(RowsTest, CopyColumnsPlacesAndAddsBlocks) {
  const auto src = rounded(random(3 * 5, 1));
  const Elements from = elements(src);
  Elements dst = elements(std::vector<float>(3 * 7, 1.0f));
  k.copy_columns(nullptr, 3, 2, from.at(1), 5, dst.at(4), 7, Write::set);
  k.copy_columns(nullptr, 3, 2, from.at(1), 5, dst, 7, Write::add);
  for (size_t r = 0; r < 3; ++r) {
    for (size_t c = 0; c < 7; ++c) {
      const float want = c >= 4 && c < 6 ? src[5 * r + c - 3] : c < 2 ? 1 + src[5 * r + c + 1] : 1;
      EXPECT_EQ(dst[7 * r + c], rounded(want)) << r << " " << c;
    }
  }
}

TEST_P(RowsTest, CopyColumnsMovesWholeVectorsWhereTheyFit) {
  const auto src = rounded(random(5 * 24, 1));
  Elements dst = elements(std::vector<float>(5 * 32, 1.0f));
  k.copy_columns(nullptr, 5, 16, elements(src).at(8), 24, dst.at(16), 32, Write::set);
  for (size_t r = 0; r < 5; ++r)
    for (size_t c = 0; c < 32; ++c)
      ASSERT_EQ(dst[32 * r + c], c < 16 ? 1 : src[24 * r + c - 8]) << r << " " << c;
}

TEST_P(RowsTest, TransposeSamplesSwapsTheInnerAxes) {
  for (const auto& [rows, cols] : {std::pair<int64_t, int64_t>{1, 1}, {3, 50}, {49, 6}, {33, 31}}) {
    const auto x = rounded(random(2 * rows * cols, 1));
    Elements y = elements(std::vector<float>(x.size())),
             back = elements(std::vector<float>(x.size(), 1.0f));
    k.transpose_samples(nullptr, 2, rows, cols, elements(x), y, Write::set);
    k.transpose_samples(nullptr, 2, cols, rows, y, back, Write::add);
    for (int64_t i = 0; i < 2 * rows * cols; ++i) {
      const int64_t n = i / (rows * cols), r = i / cols % rows, c = i % cols;
      const float v = x[static_cast<size_t>(i)];
      ASSERT_EQ(y[static_cast<size_t>((n * cols + c) * rows + r)], v);
      ASSERT_EQ(back[static_cast<size_t>(i)], rounded(v + 1));
    }
  }
}

std::vector<double> softmax(int64_t rows, int64_t cols, const std::vector<float>& x) {
  std::vector<double> y(x.size());
  for (int64_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (int64_t c = 0; c < cols; ++c) {
      const auto i = static_cast<size_t>(r * cols + c);
      sum += y[i] = std::exp(static_cast<double>(x[i]));
    }
    for (int64_t c = 0; c < cols; ++c) y[static_cast<size_t>(r * cols + c)] /= sum;
  }
  return y;
}

TEST_P(RowsTest, SoftmaxAndItsGradientEqualTheDefinition) {
  for (const auto& [shape_rows, cols] : kShapes) {
    const int64_t rows = in_shim() ? std::min<int64_t>(shape_rows, 2003) : shape_rows;
    const auto x = rounded(random(rows * cols, 1, -8, 8)), dy = rounded(random(rows * cols, 2));
    Elements y = elements(std::vector<float>(x.size())),
             dx = elements(std::vector<float>(x.size(), 9.0f)),
             sum = elements(std::vector<float>(x.size(), 1.0f));
    k.softmax_forward(nullptr, rows, cols, elements(x), y);
    const auto want = softmax(rows, cols, x);
    expect_near(y, want, tolerance(1e-6));
    k.softmax_backward(nullptr, rows, cols, y, elements(dy), dx, Write::set);
    k.softmax_backward(nullptr, rows, cols, y, elements(dy), sum, Write::add);
    for (int64_t r = 0; r < rows; ++r) {
      double dot = 0;
      const auto first = static_cast<size_t>(r * cols), last = static_cast<size_t>((r + 1) * cols);
      for (size_t i = first; i < last; ++i)
        dot += static_cast<double>(y[i]) * static_cast<double>(dy[i]);
      for (size_t i = first; i < last; ++i) {
        const double slope = static_cast<double>(y[i]) * (static_cast<double>(dy[i]) - dot);
        ASSERT_NEAR(static_cast<double>(dx[i]), slope, tolerance(2e-6));
        ASSERT_NEAR(static_cast<double>(sum[i]), slope + 1, 2 * tolerance(1e-6));
      }
    }
  }
}

TEST_P(RowsTest, SoftmaxOfLargeValuesDoesNotOverflow) {
  const float large = rounded(1e30f), larger = rounded(3e38f);  // infinite in fp16
  if (std::isinf(larger)) GTEST_SKIP() << "an Element holds no such values";
  const Elements x = elements({large, large, -large, larger, 0, -larger});
  Elements y = elements(std::vector<float>(6));
  k.softmax_forward(nullptr, 2, 3, x, y);
  EXPECT_EQ(y.values(), (std::vector<float>{0.5f, 0.5f, 0, 1, 0, 0}));
}

INSTANTIATE_TEST_SUITE_P(Devices, RowsTest, testing::ValuesIn(devices()), device_name);

}  // namespace
}  // namespace trireme::test
