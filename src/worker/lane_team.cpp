#include "worker/lane_team.h"

#include <sched.h>

#include <algorithm>
#include <utility>

namespace trireme {
namespace {

constexpr int kSpins = 4000;  // about 50 us: longer than a balanced step's jitter

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

LaneTeam::LaneTeam(int lanes, bool may_spin, const std::function<void()>& prepare)
    : spins_(may_spin ? kSpins : 0) {
  prepare();
  for (int lane = 1; lane < lanes; ++lane)
    threads_.emplace_back([this, lane, prepare] {
      prepare();
      serve(lane);
    });
}

LaneTeam::~LaneTeam() {
  stop_ = true;
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (std::thread& t : threads_) t.join();
}

void LaneTeam::wait_for(const std::atomic<uint32_t>& word, uint32_t old) const {
  for (int i = 0; i < spins_; ++i) {
    if (word.load(std::memory_order_acquire) != old) return;
    relax();
  }
  while (word.load(std::memory_order_acquire) == old) word.wait(old, std::memory_order_acquire);
}

void LaneTeam::serve(int lane) {
  uint32_t seen = 0;
  while (true) {
    wait_for(generation_, seen);
    ++seen;
    if (stop_) return;
    perform(lane);
    if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) remaining_.notify_all();
  }
}

void LaneTeam::perform(int lane) {
  try {
    (*job_)(lane);
  } catch (const std::exception& e) {
    {
      const std::lock_guard lock(error_guard_);
      if (!first_error_) first_error_ = std::current_exception();
    }
    if (*on_error_) (*on_error_)(e);
  }
}

void LaneTeam::run(const std::function<void(int)>& job, const OnError& on_error) {
  job_ = &job;
  on_error_ = &on_error;
  remaining_.store(static_cast<uint32_t>(threads_.size()), std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  if (!threads_.empty()) generation_.notify_all();
  perform(0);
  while (const uint32_t left = remaining_.load(std::memory_order_acquire))
    wait_for(remaining_, left);
  if (first_error_) std::rethrow_exception(std::exchange(first_error_, nullptr));
}

int default_lanes(int ranks_with_same_mask) {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int cores = sched_getaffinity(0, sizeof set, &set) == 0
                        ? CPU_COUNT(&set)
                        : static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, cores / std::max(1, ranks_with_same_mask));
}

std::string affinity_mask() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return "all";
  std::string text;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) text += std::to_string(cpu) + ",";
  return text;
}

}  // namespace trireme
