#pragma once
// What is said of a step whose loss or gradient is not finite.

#include <string>

#include "worker/session.h"
#include "worker/step_runner.h"

namespace trireme {

// Names the batch's samples: which they are is a function of the step alone.
std::string not_finite_in_words(const Session& session, const StepResult& result);

}  // namespace trireme
