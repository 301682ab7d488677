#include "comm/arrivals.h"

#include <algorithm>

#include "comm/futex.h"

namespace trireme {

// All in one order: of two members that arrive at once, at least one sees that both have.
void Arrivals::arrive(int member) {
  const uint64_t mine = state_->count[member].load(std::memory_order_relaxed) + 1;
  state_->count[member].store(mine, std::memory_order_seq_cst);
  if (slowest() >= mine) wake();
}

uint64_t Arrivals::slowest() const {
  uint64_t least = UINT64_MAX;
  for (int m = 0; m < members_; ++m)
    least = std::min(least, state_->count[m].load(std::memory_order_seq_cst));
  return least;
}

void Arrivals::sleep(uint32_t seen) {
  state_->asleep.store(1, std::memory_order_seq_cst);
  futex_wait(state_->changes, seen);
  state_->asleep.store(0, std::memory_order_relaxed);
}

void Arrivals::wake() noexcept {
  state_->changes.fetch_add(1, std::memory_order_seq_cst);
  if (state_->asleep.load(std::memory_order_seq_cst)) futex_wake_all(state_->changes);
}

}  // namespace trireme
