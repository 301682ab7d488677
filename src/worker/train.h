#pragma once
// The training loop: steps, evaluations, checkpoints, the end and the export.

#include <atomic>
#include <string>
#include <vector>

#include "base/error.h"
#include "comm/communicator.h"
#include "config/experiment.h"

namespace trireme {

struct TrainOptions {
  std::string resume;  // "", "auto", or what --resume named
  const std::atomic<int>* signal =
      nullptr;  // set by SIGTERM and SIGUSR1: save at the next step boundary
  std::vector<std::string> command_line;
};

// Every rank must call. Returns done, or requeue after a save that a signal asked for. When a rank
// throws, the others' waits end with a CommError that carries its message.
ExitCode train(Communicator& comm, const Experiment& experiment, const TrainOptions& options);

}  // namespace trireme
