#pragma once
// Faults that [debug] asks for.

#include <cstdint>

#include "config/experiment.h"

namespace trireme {

// Sleeps before a step: debug.slow_rank_ms on rank debug.kill_rank, and debug.stall_ms before a
// share of the steps, which is a function of (seed, rank, step) alone.
void stall_on_purpose(const Experiment& experiment, int rank, int64_t step);

// Does to rank debug.kill_rank what debug.kill_how says, at step debug.kill_step.
void fail_on_purpose(const DebugConfig& debug, int rank, int64_t step);

}  // namespace trireme
