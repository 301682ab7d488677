#pragma once
// Rules that tie keys of several sections together.

#include "config/experiment.h"
#include "config/section.h"

namespace trireme::config {

void check_across_sections(const Experiment& e, Section& run, Section& train, Section& schedule,
                           Section& exports);

}  // namespace trireme::config
