#pragma once
// Where a run lives and what it continues from.

#include <string>

#include "base/file.h"
#include "comm/communicator.h"
#include "config/experiment.h"

namespace trireme {

struct Place {
  Path dir, checkpoint;  // dir empty: a new one; checkpoint empty: fresh
};

// Rank 0 decides, from what --resume named; all ranks learn it. Every rank must call.
Place choose_place(Communicator& comm, const Experiment& experiment, const std::string& resume);

// Made when nothing but training itself can fail any more, so that a wrong experiment leaves
// nothing. Every rank must call.
Path new_run_directory(Communicator& comm, const RunConfig& run);

}  // namespace trireme
