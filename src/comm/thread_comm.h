#pragma once
// N ranks inside one process, for tests: run(n, body) calls body(communicator) on n threads, joins
// them, and rethrows the first exception by rank. `nodes`: node of each rank (default: all on node
// 0).

#include <functional>
#include <vector>

#include "comm/communicator.h"

namespace trireme {

void run_thread_ranks(int n, const std::function<void(Communicator&)>& body,
                      std::vector<int> nodes = {});

}  // namespace trireme
