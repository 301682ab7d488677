#pragma once
#include <string>

#include "worker/run_log.h"

namespace trireme {

// "Where the time went": one bar of shares of `elapsed`, what no phase explains as "other". "" when
// elapsed is 0.
std::string time_bar_html(const PhaseSeconds& phases, double elapsed);

}  // namespace trireme
