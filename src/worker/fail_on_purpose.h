#pragma once
#include <cstdint>

#include "config/experiment.h"

namespace trireme {

// [debug]: does to rank debug.kill_rank what debug.kill_how says, at step debug.kill_step.
void fail_on_purpose(const DebugConfig& debug, int rank, int64_t step);

}  // namespace trireme
