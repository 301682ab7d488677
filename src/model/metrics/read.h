#pragma once
#include <memory>
#include <string>
#include <vector>

#include "model/build/problems.h"
#include "model/metrics/metric.h"

namespace trireme {

// The metric of one line. Null, with a problem added, when the op or an option is unknown, an
// option is out of its range, or the metric does not fit the data's targets.
std::unique_ptr<Metric> read_metric(const LayerLine& line, const DataShape& data,
                                    const std::vector<std::string>& class_names,
                                    Problems& problems);

}  // namespace trireme
