#include "worker/servers/weights_mark.h"

#include "comm/futex.h"

namespace trireme {

void WeightsMark::set(int64_t from) {
  if (from_.load(std::memory_order_relaxed) == from) return;
  from_.store(from, std::memory_order_release);
  changes_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0) futex_wake_all(changes_);
}

bool WeightsMark::wait(int64_t from, Deadline deadline, const std::function<void()>& check) {
  while (true) {
    const uint32_t seen = changes_.load(std::memory_order_seq_cst);
    if (this->from() <= from) return true;
    check();
    if (Clock::now() >= deadline) return false;
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    futex_wait(changes_, seen);
    sleepers_.fetch_sub(1, std::memory_order_seq_cst);
  }
}

}  // namespace trireme
