#pragma once
// Metrics over the whole validation set, exact over leaves, lanes and ranks.

#include <vector>

#include "worker/session.h"

namespace trireme {

struct Evaluation {
  std::vector<MetricValue> values;  // "loss" first
  std::vector<std::vector<int64_t>> confusion;
  // The value that `monitor` ("validation/loss", "validation/accuracy") names. Throws ConfigError
  // with the nearest name when there is none.
  double value(const std::string& monitor) const;
};

// Throws ConfigError with file and line, before the first step, when train.monitor is not among
// what evaluations will give.
void check_monitor(const MetricSet& metrics, const Experiment& experiment);

// Every rank must call, with the same weights everywhere. Requires validation data.
Evaluation evaluate(Session& session);

}  // namespace trireme
