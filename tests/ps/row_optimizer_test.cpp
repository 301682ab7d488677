// Rows step as the same values would in the flat index space.
#include "ps/row_optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "tensor/device.h"

namespace trireme::ps {
namespace {

OptimizerConfig config_of(const std::string& name) {
  OptimizerConfig c{};
  c.name = name;
  c.beta1 = 0.9;
  c.beta2 = 0.99;
  c.epsilon = 1e-8;
  c.rho = 0.9;
  c.weight_decay = 0.01;
  c.initial_accumulator = name == "adagrad" ? 0.1 : 0;
  return c;
}

std::vector<OptimizerConfig> all_configs() {
  std::vector<OptimizerConfig> all;
  for (const char* name : {"sgd", "adam", "adamw", "adagrad", "rmsprop"})
    all.push_back(config_of(name));
  all.push_back(config_of("sgd"));
  all.back().momentum = 0.9;
  all.push_back(config_of("rmsprop"));
  all.back().momentum = 0.5;
  all.back().centered = true;
  return all;
}

RowGradient gradient_of(int64_t rows, int64_t dim, int step) {
  RowGradient g;
  g.dim = dim;
  for (int64_t i = 0; i < rows; ++i) g.keys.push_back(3 * i - 7);
  for (int64_t i = 0; i < rows * dim; ++i)
    g.rows.push_back(std::sin(static_cast<float>(i + 1) * 0.37f + static_cast<float>(step)));
  return g;
}

TEST(RowOptimizer, StepsRowsAsTheFlatOptimizerStepsTheSameValues) {
  const KernelTable& kernels = cpu_kernels();
  for (const int64_t dim : {1, 5, 16, 1500}) {
    for (const OptimizerConfig& config : all_configs()) {
      const Optimizer optimizer(config);
      const RowOptimizer row_optimizer(optimizer, false);
      RowTable table({"t", dim, {Init::uniform, -1, 1}}, row_optimizer.row_state(dim), 3);
      constexpr int64_t kRows = 37;
      RowGradient gradient = gradient_of(kRows, dim, 0);
      std::vector<RowId> rows(kRows);
      table.find_or_create(gradient.keys, rows);
      std::vector<float> w(static_cast<size_t>(kRows * dim));
      table.read(gradient.keys, rows, w.data());
      std::vector<std::vector<float>> state(3);
      OptimizerBuffers flat;
      for (size_t m = 0; m < optimizer.state().size(); ++m) {
        state[m].assign(w.size(), optimizer.initial_state(static_cast<int>(m)));
        flat.state[m] = state[m].data();
      }
      flat.weights = w.data();
      const SlotRule rule{1, 1};
      for (int step = 1; step <= 3; ++step) {
        gradient = gradient_of(kRows, dim, step);
        flat.grad = gradient.rows.data();
        const OptimizerScalars scalars{0.05f, 0.5f, 0.4f, 0, step, 0, 0};
        ASSERT_EQ(
            optimizer.step(kernels, {nullptr, &rule, 1}, {0, kRows * dim}, &scalars, flat, nullptr),
            Status::ok);
        row_optimizer.step(kernels, scalars, table, rows, gradient, 0, 20);  // in parts
        row_optimizer.step(kernels, scalars, table, rows, gradient, 20, kRows);
      }
      std::vector<float> stepped(w.size());
      table.read(gradient.keys, rows, stepped.data());
      EXPECT_EQ(stepped, w) << config.name << " " << dim;
      EXPECT_EQ(table.header(rows[0]).last_step, 3);
      EXPECT_EQ(table.header(rows[0]).updates, 3);
    }
  }
}

TEST(RowOptimizer, RowwiseAdagradKeepsOneSumOfMeanSquares) {
  const Optimizer optimizer(config_of("adagrad"));
  const RowOptimizer rowwise(optimizer, true);
  RowTable table({"t", 2, {Init::constant, 1, 0}}, rowwise.row_state(2), 3);
  EXPECT_EQ(table.row_state().floats, 1);
  const int64_t key = 8;
  std::vector<RowId> rows(1);
  table.find_or_create(std::span(&key, 1), rows);
  RowGradient gradient{2, {key}, {3, -1}};
  rowwise.step(cpu_kernels(), {0.1f, 1, 0, 0, 1, 0, 0}, table, rows, gradient, 0, 1);
  const double g0 = 3.01, g1 = -0.99, sum = 0.1 + (g0 * g0 + g1 * g1) / 2;
  EXPECT_NEAR(*table.state(rows[0]), sum, 1e-5);
  EXPECT_NEAR(table.weights(rows[0])[0], 1 - 0.1 * g0 / std::sqrt(sum), 1e-6);
  EXPECT_NEAR(table.weights(rows[0])[1], 1 - 0.1 * g1 / std::sqrt(sum), 1e-6);
}

TEST(RowOptimizer, LeavesRowsAloneWhereTheStepIsSkipped) {
  const RowOptimizer sgd(Optimizer(config_of("sgd")), false);
  RowTable table({"t", 2, {Init::constant, 1, 0}}, {0, 0}, 3);
  const int64_t key = 8;
  std::vector<RowId> rows(1);
  table.find_or_create(std::span(&key, 1), rows);
  sgd.step(cpu_kernels(), {0.1f, 1, 0, 0, 1, 1, 0}, table, rows, RowGradient{2, {key}, {3, -1}}, 0,
           1);
  EXPECT_EQ(table.weights(rows[0])[0], 1);
  EXPECT_EQ(table.header(rows[0]).updates, 0);
}

TEST(RowOptimizer, RefusesRowwiseForAnythingButAdagrad) {
  EXPECT_THROW(RowOptimizer(Optimizer(config_of("adam")), true), ConfigError);
}

}  // namespace
}  // namespace trireme::ps
