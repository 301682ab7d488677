// Clipping of row gradients against the same in double precision.
#include "ps/row_clip.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ps/row_optimizer.h"
#include "ps/sgd.h"
#include "ps/table_shards.h"
#include "tensor/device.h"

namespace trireme::ps {
namespace {

RowGradient gradient_of(int64_t rows, int64_t dim) {
  RowGradient g{dim, {}, {}};
  for (int64_t i = 0; i < rows; ++i) {
    g.keys.push_back(5 * i - 9);
    for (int64_t e = 0; e < dim; ++e)
      g.rows.push_back(std::sin(static_cast<float>(i * dim + e)) * static_cast<float>(i + 1));
  }
  return g;
}

double norm_of(const RowGradient& g, int64_t row, double scale) {
  double squares = 0;
  for (int64_t e = 0; e < g.dim; ++e) squares += std::pow(double{g.row(row)[e]}, 2);
  return scale * std::sqrt(squares);
}

TEST(RowClip, ScalesRowsAboveTheLimitToItAndLeavesTheOthersAlone) {
  for (const int64_t dim : {1, 7, 1500}) {
    const double limit = 1.5 * std::sqrt(static_cast<double>(dim));
    const RowOptimizer clipped(Optimizer(sgd()), false, {limit, 0});
    RowTable table({"t", dim, {}}, clipped.row_state(dim), 1);
    const RowGradient g = gradient_of(40, dim);
    std::vector<RowId> rows(g.keys.size());
    table.find_or_create(g.keys, rows);
    std::vector<float> before(g.rows.size()), after(g.rows.size());
    table.read(g.keys, rows, before.data());
    constexpr float kScale = 0.125f;
    clipped.step(cpu_kernels(), {1, kScale, 0, 0, 1, 0, 0}, table, rows, g, 0, 13);
    clipped.step(cpu_kernels(), {1, kScale, 0, 0, 1, 0, 0}, table, rows, g, 13, g.size());
    table.read(g.keys, rows, after.data());
    int above = 0;
    for (int64_t i = 0; i < g.size(); ++i) {
      const double norm = norm_of(g, i, kScale), factor = norm > limit ? limit / norm : 1;
      above += norm > limit;
      for (int64_t e = 0; e < dim; ++e) {
        const auto at = static_cast<size_t>(i * dim + e);
        const double expected = double{before[at]} - factor * kScale * double{g.rows[at]};
        ASSERT_NEAR(after[at], expected, 2e-6 * (1 + std::abs(expected))) << dim << " " << i;
        if (factor == 1) {
          ASSERT_EQ(after[at], before[at] - kScale * g.rows[at]);
        }
      }
    }
    EXPECT_GT(above, 0);
    EXPECT_LT(above, 40);
  }
}

TEST(RowClip, ClipsTheGradientOfRowwiseAdagradToo) {
  OptimizerConfig config = sgd();
  config.name = "adagrad";
  const RowOptimizer clipped(Optimizer(config), true, {1, 0});
  RowTable table({"t", 2, {Init::constant, 1, 0}}, clipped.row_state(2), 3);
  const int64_t key = 8;
  std::vector<RowId> rows(1);
  table.find_or_create(std::span(&key, 1), rows);
  clipped.step(cpu_kernels(), {0.1f, 2, 0, 0, 1, 0, 0}, table, rows, RowGradient{2, {key}, {3, -4}},
               0, 1);
  EXPECT_NEAR(*table.state(rows[0]), (0.36 + 0.64) / 2, 1e-6);
}

TEST(RowClip, LowersATablesScaleByItsOwnNorm) {
  const RowGradient large = gradient_of(300, 4);
  RowGradient small{4, {1}, {0.1f, 0, 0, 0}};
  std::vector<double> squares(2 * kTableShards);
  shard_squares(large, std::span(squares).first(kTableShards));
  shard_squares(small, std::span(squares).last(kTableShards));
  double sum = 0;
  for (const float g : large.rows) sum += double{g} * double{g};
  const double norm = 0.5 * std::sqrt(sum);
  const std::vector<float> scales = table_scales(0.5f, squares, 3);
  ASSERT_EQ(scales.size(), 2u);
  EXPECT_NEAR(scales[0], 0.5 * 3 / norm, 1e-7);
  EXPECT_EQ(scales[1], 0.5f);
  EXPECT_TRUE(table_scales(0.5f, squares, 0).empty());
}

TEST(RowClip, ChangesNothingWhereANormIsNotFinite) {
  std::vector<double> squares(kTableShards);
  squares[7] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(clipped_scale(0.5f, squares, 3), 0.5f);
}

}  // namespace
}  // namespace trireme::ps
