// Every layer and loss against differences of its own loss, parameter by parameter.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/ops/recorded_case.h"

namespace trireme::test {
namespace {

constexpr float kStep = 2e-3f;
constexpr double kTolerance = 1e-2;  // of the slot's largest gradient: fp32 forward passes
constexpr double kFloor = 4e-3;

double loss_at(ModelRun& run, size_t index, float value) {
  const float before = std::exchange(run.params()[index], value);
  run.step();
  run.params()[index] = before;
  return run.loss();
}

class Gradient : public testing::TestWithParam<RecordedCase> {};

// The gradient lies between the slopes to both sides, also beside a kink of relu or a maximum.
TEST_P(Gradient, LiesBetweenTheSlopesToBothSides) {
  const auto graph = GetParam().graph();
  const auto run = GetParam().run(*graph);
  run->step();
  const std::vector<float> gradients = run->gradients();
  const double here = run->loss();
  for (const Slot& slot : graph->params().slots()) {
    const auto first = static_cast<size_t>(slot.offset), count = static_cast<size_t>(slot.count);
    double largest = 0;
    for (size_t i = first; i < first + count; ++i)
      largest = std::max(largest, std::abs(double{gradients[i]}));
    for (size_t i = first; i < first + count; ++i) {
      const float up = run->params()[i] + kStep, down = run->params()[i] - kStep;
      const double right = (loss_at(*run, i, up) - here) / (double{up} - double{run->params()[i]});
      const double left =
          (here - loss_at(*run, i, down)) / (double{run->params()[i]} - double{down});
      const double slack = kTolerance * largest + kFloor;
      ASSERT_GE(gradients[i], std::min(left, right) - slack)
          << slot.name << "[" << i - first << "]";
      ASSERT_LE(gradients[i], std::max(left, right) + slack)
          << slot.name << "[" << i - first << "]";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Layers, Gradient, testing::ValuesIn(recorded_cases()),
                         [](const auto& p) { return p.param.name; });

}  // namespace
}  // namespace trireme::test
