#pragma once
#include <span>
#include <string>
#include <vector>

#include "config/experiment.h"
#include "model/graph.h"

namespace trireme {

// One rule per parameter that optimizer.lr_scale, optimizer.decay_scale or train.freeze speak of;
// in each list the first matching pattern counts. `fixed`: names of parameters that are frozen
// whatever these say. The graph must not be frozen yet. Throws
// ConfigError listing every pattern that matches no parameter, with file and line.
std::vector<Graph::SlotRule> slot_rules(const Graph& graph, const Experiment& experiment,
                                        std::span<const std::string> fixed);

}  // namespace trireme
