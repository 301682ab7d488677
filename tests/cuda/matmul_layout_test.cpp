// The layout is checked by what it means: a column-major product of the three layouts, computed the
// plain way, gives the row-major product of the specification.

#include "kernels/cuda/matmul_layout.h"

#include <gtest/gtest.h>

#include <vector>

namespace trireme::cu {
namespace {

MatmulSpec product(int64_t m, int64_t n, int64_t k, bool transpose_a, bool transpose_b) {
  return {.m = m,
          .n = n,
          .k = k,
          .transpose_a = transpose_a,
          .transpose_b = transpose_b,
          .bias = false,
          .activation = Activation::none,
          .alpha = 0,
          .write = Write::set};
}

std::vector<int64_t> numbered(int64_t n) {
  std::vector<int64_t> v(static_cast<size_t>(n));
  for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<int64_t>(i * i + 3 * i + 1) % 101;
  return v;
}

int64_t at(const std::vector<int64_t>& v, int64_t i) { return v[static_cast<size_t>(i)]; }

std::vector<int64_t> row_major_product(const MatmulSpec& s, const std::vector<int64_t>& a,
                                       const std::vector<int64_t>& b) {
  std::vector<int64_t> c(static_cast<size_t>(s.m * s.n));
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j)
      for (int64_t l = 0; l < s.k; ++l)
        c[static_cast<size_t>(i * s.n + j)] += at(a, s.transpose_a ? l * s.m + i : i * s.k + l) *
                                               at(b, s.transpose_b ? j * s.k + l : l * s.n + j);
  return c;
}

// What cuBLASLt documents: D = op(A) op(B), all column-major.
std::vector<int64_t> library_product(const MatmulLayout& l, const std::vector<int64_t>& first,
                                     const std::vector<int64_t>& second) {
  std::vector<int64_t> d(static_cast<size_t>(l.result.ld * l.result.cols));
  const int64_t inner = l.transpose_first ? l.first.rows : l.first.cols;
  EXPECT_EQ(l.transpose_first ? l.first.cols : l.first.rows, l.result.rows);
  EXPECT_EQ(l.transpose_second ? l.second.rows : l.second.cols, l.result.cols);
  EXPECT_EQ(l.transpose_second ? l.second.cols : l.second.rows, inner);
  const auto element = [](const std::vector<int64_t>& v, const ColumnMajor& m, bool transpose,
                          int64_t row, int64_t col) {
    return transpose ? at(v, row * m.ld + col) : at(v, col * m.ld + row);
  };
  for (int64_t i = 0; i < l.result.rows; ++i)
    for (int64_t j = 0; j < l.result.cols; ++j)
      for (int64_t x = 0; x < inner; ++x)
        d[static_cast<size_t>(j * l.result.ld + i)] +=
            element(first, l.first, l.transpose_first, i, x) *
            element(second, l.second, l.transpose_second, x, j);
  return d;
}

class MatmulLayoutTest : public testing::TestWithParam<std::tuple<bool, bool>> {};

TEST_P(MatmulLayoutTest, GivesTheRowMajorProduct) {
  const auto [transpose_a, transpose_b] = GetParam();
  for (const auto& [m, n, k] : {std::tuple{2, 3, 5}, {1, 7, 4}, {6, 1, 3}, {4, 4, 1}}) {
    const MatmulSpec spec = product(m, n, k, transpose_a, transpose_b);
    const auto a = numbered(m * k), b = numbered(k * n);
    EXPECT_EQ(library_product(layout_of(spec), b, a), row_major_product(spec, a, b))
        << m << "x" << n << "x" << k;
  }
}
INSTANTIATE_TEST_SUITE_P(Transposes, MatmulLayoutTest,
                         testing::Combine(testing::Bool(), testing::Bool()));

TEST(MatmulLayoutTest, LeadingDimensionsAreTheStoredRows) {
  const MatmulLayout l = layout_of(product(2, 3, 5, true, false));
  EXPECT_EQ(l.first, (ColumnMajor{3, 5, 3}));
  EXPECT_EQ(l.second, (ColumnMajor{2, 5, 2}));
  EXPECT_EQ(l.result, (ColumnMajor{3, 2, 3}));
}

TEST(MatmulLayoutTest, EpiloguesTakeWhatTheLibraryHasAndLeaveTheRest) {
  struct Case {
    Activation activation;
    bool bias;
    MatmulEpilogue epilogue;
    Activation after;
  };
  for (const Case& c :
       {Case{Activation::none, false, MatmulEpilogue::none, Activation::none},
        {Activation::none, true, MatmulEpilogue::bias, Activation::none},
        {Activation::relu, false, MatmulEpilogue::relu, Activation::none},
        {Activation::relu, true, MatmulEpilogue::relu_bias, Activation::none},
        {Activation::gelu_tanh, true, MatmulEpilogue::gelu_tanh_bias, Activation::none},
        {Activation::gelu_erf, true, MatmulEpilogue::bias, Activation::gelu_erf},
        {Activation::leaky_relu, true, MatmulEpilogue::bias, Activation::leaky_relu},
        {Activation::tanh, false, MatmulEpilogue::none, Activation::tanh}}) {
    MatmulSpec spec = product(2, 3, 5, false, true);
    spec.activation = c.activation;
    spec.bias = c.bias;
    EXPECT_EQ(layout_of(spec).epilogue, c.epilogue);
    EXPECT_EQ(layout_of(spec).after, c.after);
  }
}

TEST(MatmulLayoutTest, AddReadsTheResultAndSetDoesNot) {
  MatmulSpec spec = product(2, 3, 5, false, false);
  EXPECT_EQ(layout_of(spec).beta, 0.0f);
  spec.write = Write::add;
  EXPECT_EQ(layout_of(spec).beta, 1.0f);
}

}  // namespace
}  // namespace trireme::cu
