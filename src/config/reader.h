#pragma once
// Reads all sections in order, from the values that were given.

#include <string>
#include <vector>

#include "config/experiment.h"
#include "config/section.h"

namespace trireme::config {

// Fills everything but Experiment::resolved, which is in `reading`. Errors go to reading.errors.
Experiment read_sections(Reading& reading, const std::vector<std::string>& layer_keys);

// Every key that exists: reads an experiment that gives nothing. The keys of each preset are fields
// of their own.
std::vector<Field> declared_fields();

}  // namespace trireme::config
