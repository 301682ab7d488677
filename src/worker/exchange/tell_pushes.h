#pragma once
// What workers have told each other of their pushes, as a record has it.

#include "ps/push_report.h"
#include "worker/run_log.h"

namespace trireme {

// Leaves out what there is none of.
void tell(const ps::PushReport& pushes, StepRecord& record);

}  // namespace trireme
