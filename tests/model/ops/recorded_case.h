#pragma once
// One record of tests/record/layers.py: a small model with values and gradients from PyTorch.

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/ops/model_run.h"

namespace trireme::test {

struct RecordedCase {
  std::string name;
  nlohmann::json json;

  std::unique_ptr<Graph> graph() const;
  // The program on the case's weights, batch and target; `leaves` must divide the samples.
  std::unique_ptr<ModelRun> run(const Graph& graph, int leaves = 1) const;
};
inline void PrintTo(const RecordedCase& c, std::ostream* out) { *out << c.name; }

std::vector<RecordedCase> recorded_cases();
constexpr int64_t kRecordedSamples = 3;

}  // namespace trireme::test
