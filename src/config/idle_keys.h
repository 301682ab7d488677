#pragma once
// Keys that somebody has set and that change nothing, beside the others of the experiment.

#include <string>
#include <vector>

#include "config/experiment.h"

namespace trireme {

// Each with what it needs: "exchange.top_k (needs exchange.codec = top_k)". None of a file that has
// every key, as the program itself writes it.
std::vector<std::string> idle_keys(const Experiment& experiment);

}  // namespace trireme
