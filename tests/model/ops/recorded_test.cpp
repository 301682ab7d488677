// Every layer and loss against PyTorch: output, loss, weight, gradients, running statistics.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "model/ops/recorded_case.h"

namespace trireme::test {
namespace {

constexpr double kTolerance = 1e-5;  // of the largest value ...
constexpr double kSmallest = 0.1;    // ... or of this: a bias before batch norm has a gradient of 0

void expect_close(const std::vector<float>& ours, const std::vector<double>& theirs,
                  const std::string& what) {
  ASSERT_EQ(ours.size(), theirs.size()) << what;
  double largest = kSmallest;
  for (double v : theirs) largest = std::max(largest, std::abs(v));
  for (size_t i = 0; i < ours.size(); ++i)
    ASSERT_NEAR(ours[i], theirs[i], kTolerance * largest) << what << "[" << i << "]";
}

void expect_recorded(const RecordedCase& c, const Graph& graph, const ModelRun& run) {
  const auto& expected = c.json.at("expected");
  const double loss = expected.at("loss").get<double>(),
               weight = expected.at("weight").get<double>();
  EXPECT_NEAR(run.loss(), loss, kTolerance * std::max(1.0, std::abs(loss)));
  EXPECT_NEAR(run.weight(), weight, kTolerance * weight);
  expect_close(run.output(), expected.at("output").get<std::vector<double>>(), "output");
  for (const Slot& slot : graph.params().slots())
    expect_close(run.logical_gradient(slot.name),
                 expected.at("gradients").at(slot.name).get<std::vector<double>>(), slot.name);
  for (const Slot& slot : graph.state().slots())
    expect_close(run.logical_state(slot.name),
                 expected.at("state").at(slot.name).get<std::vector<double>>(), slot.name);
}

class Recorded : public testing::TestWithParam<RecordedCase> {};

TEST_P(Recorded, EqualsPyTorch) {
  const auto graph = GetParam().graph();
  const auto run = GetParam().run(*graph);
  run->step();
  expect_recorded(GetParam(), *graph, *run);
}

// Three leaves of one sample: losses, gradients and the whole batch's statistics add up to the
// same.
TEST_P(Recorded, EqualsPyTorchCutIntoLeaves) {
  const auto graph = GetParam().graph();
  const auto run = GetParam().run(*graph, kRecordedSamples);
  run->step();
  expect_recorded(GetParam(), *graph, *run);
}

INSTANTIATE_TEST_SUITE_P(Layers, Recorded, testing::ValuesIn(recorded_cases()),
                         [](const auto& p) { return p.param.name; });

}  // namespace
}  // namespace trireme::test
