#include "worker/fail_on_purpose.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/rng.h"

namespace trireme {
namespace {

void sleep_ms(double ms) {
  std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(ms));
}

}  // namespace

void stall_on_purpose(const Experiment& e, int rank, int64_t step) {
  const DebugConfig& d = e.debug;
  if (d.stall > 0) {
    const Philox4 words = philox(mix(e.run.seed, hash_name("stall")), static_cast<uint64_t>(step),
                                 static_cast<uint64_t>(rank));
    if (to_unit_double(words[0], words[1]) < d.stall) sleep_ms(d.stall_ms);
  }
  if (rank == d.kill_rank && d.slow_rank_ms > 0) sleep_ms(d.slow_rank_ms);
}

void fail_on_purpose(const DebugConfig& d, int rank, int64_t step) {
  if (rank != d.kill_rank || step != d.kill_step) return;
  if (d.kill_how == "kill") raise(SIGKILL);
  if (d.kill_how == "exit") _exit(9);
  if (d.kill_how == "hang") std::this_thread::sleep_for(std::chrono::hours(24));
  if (d.kill_how == "throw")
    throw DataError("debug.kill_how = throw", "remove the [debug] section");
}

}  // namespace trireme
