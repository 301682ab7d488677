#pragma once
// Metrics and mean loss of a loaded model on a data source, in one thread.

#include <cstdint>
#include <string>
#include <vector>

#include "config/experiment.h"
#include "export/export.h"
#include "model/metrics.h"

namespace trireme {

struct ModelScore {
  int64_t samples = 0;
  std::vector<MetricValue> values;              // "loss" first
  std::vector<std::vector<int64_t>> confusion;  // [actual][predicted]; empty when not asked for
  std::vector<std::string> class_names;
};

// Every sample of `source` once. `experiment` declares losses and metrics. A model that carries no
// losses (ONNX) is measured by the experiment's losses on its output; where one of those reads an
// inner layer, which an export does not hold, there is no "loss".
ModelScore score_model(const LoadedModel& model, const Experiment& experiment,
                       const DataSource& source);

}  // namespace trireme
