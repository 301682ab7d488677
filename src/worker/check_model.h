#pragma once
// What an experiment asks for and its model cannot have: rules that need the model to be built.

#include "config/experiment.h"
#include "model/graph.h"

namespace trireme {

// Throws ConfigError. resumes: from a checkpoint.
void check_model(const Experiment& experiment, const Graph& graph, bool resumes);

}  // namespace trireme
