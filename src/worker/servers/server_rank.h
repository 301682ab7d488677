#pragma once
// The life of a server rank, and what workers and servers do together around it.

#include <functional>

#include "comm/communicator.h"
#include "config/experiment.h"
#include "worker/servers/roles.h"
#include "worker/servers/server_setup.h"

namespace trireme {

// Roles from [exchange]; with servers, all ranks of `world` also agree on build and experiment, and
// on a CPU level, which becomes the experiment's. Every rank must call.
Roles start_roles(Communicator& world, Experiment& experiment);

// Runs `body` on the workers; an AgreedError of theirs is thrown on every rank of `world`. Every
// rank must call. Without servers: just body.
void share_with_servers(Communicator& world, const Roles& roles, double timeout,
                        const std::function<void()>& body);

// From the set-up that worker 0 broadcasts (broadcast_text) to the end of the job: serves, and, on
// the last rank, exports. Returns the job's exit code.
ExitCode run_server(Communicator& world, const Experiment& experiment, const Roles& roles);

}  // namespace trireme
