#pragma once
// The report's tables: what happened, every evaluation, the resolved experiment.

#include <string>

#include "config/experiment.h"
#include "worker/run_log/history.h"

namespace trireme {

std::string notes_html(const History& history);         // "" without notes
std::string evaluations_html(const History& history);   // collapsed; "" without evaluations
std::string config_html(const Experiment& experiment);  // collapsed

}  // namespace trireme
