#pragma once
// Rules that tie keys of several sections together.

#include "config/experiment.h"
#include "config/section.h"

namespace trireme::config {

// Where errors are told.
struct Sections {
  Section &run, &train, &schedule, &exchange, &cuda, &exports;
};
void check_across_sections(const Experiment& e, const Sections& sections);

}  // namespace trireme::config
