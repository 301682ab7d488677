#pragma once
#include <string>

#include "worker/run_log/history.h"

namespace trireme {

// The section of charts: loss, accuracy, learning rate, throughput; each only where there are
// values.
std::string curves_html(const History& history);

}  // namespace trireme
