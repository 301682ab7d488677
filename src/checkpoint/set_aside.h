#pragma once
// Checkpoints of steps that a run, resumed at an earlier one, has not taken.

#include <cstdint>
#include <vector>

#include "base/file.h"

namespace trireme {

// The run goes on from the checkpoint of `step`: every later one of `folder` is renamed to
// step-N.aside (.aside-2, ...), which is no checkpoint's name, so that neither rotation nor a
// resume takes it for the run's newest. Where best.json names one of them, it names the checkpoint
// of `best_step` from now on, or that of `step` if it is gone. Returns the new paths, which
// are logged. Throws DataError.
std::vector<Path> set_aside_newer(const Path& folder, int64_t step, int64_t best_step);

}  // namespace trireme
