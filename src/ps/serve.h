#pragma once
// Runs a server core over a link until all workers have said goodbye.

#include <functional>

#include "ps/link.h"
#include "ps/server_core.h"

namespace trireme::ps {

struct ServeOptions {
  int workers = 1;       // ranks 0 .. workers - 1
  double timeout = 300;  // seconds that a worker may keep the others waiting
  std::function<void(int64_t clock)> after_message = {};
};

// Returns the exit code that the workers agreed on. Throws CommError, naming the worker, when one
// died or kept the others waiting for too long.
int serve(ServerCore& core, Link& link, const ServeOptions& options);

}  // namespace trireme::ps
