#include "worker/fail_on_purpose.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/error.h"

namespace trireme {

void fail_on_purpose(const DebugConfig& d, int rank, int64_t step) {
  if (rank != d.kill_rank || step != d.kill_step) return;
  if (d.kill_how == "kill") raise(SIGKILL);
  if (d.kill_how == "exit") _exit(9);
  if (d.kill_how == "hang") std::this_thread::sleep_for(std::chrono::hours(24));
  if (d.kill_how == "throw")
    throw DataError("debug.kill_how = throw", "remove the [debug] section");
}

}  // namespace trireme
