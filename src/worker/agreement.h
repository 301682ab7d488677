#pragma once
// What all ranks must have in common before the first step.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "comm/communicator.h"

namespace trireme {

// Name, value: a hash, a version, or several lines, of which the first that differs is the one to
// show.
using Facts = std::vector<std::pair<std::string, std::string>>;

// Compares every fact over all ranks. Throws an AgreedError of ExitCode::config that names each
// fact that differs, the ranks, their hosts and both values. Every rank must call, with the same
// names.
void agree(Communicator& comm, const Facts& facts, double timeout);

// An error that every rank threw together: nobody waits for anybody, the job can end in order.
struct AgreedError : Error {
  using Error::Error;
};

// Runs `body` on every rank; when any of them throws an Error or a filesystem_error, all throw an
// AgreedError with the message of the lowest rank that failed (and its name, unless all failed
// alike). For work without communication. Every rank must call.
void together(Communicator& comm, const char* what, double timeout,
              const std::function<void()>& body);

// The lowest of all ranks' best CPU levels, capped by `wanted` ("" = no cap).
std::string agree_on_cpu_level(Communicator& comm, const std::string& wanted, double timeout);

// How many ranks of this node have this rank's affinity mask.
int ranks_with_my_affinity(Communicator& comm, double timeout);

// The text of `root`, everywhere.
std::string broadcast_text(Communicator& comm, const std::string& text, int root, const Wait& wait);

}  // namespace trireme
