#pragma once
// How far each lane of a node has come, in a Window. Lanes count up and never wait; one thread
// waits for the slowest.

#include <atomic>
#include <cstdint>

#include "comm/node_barrier.h"

namespace trireme {

struct ArrivalsState {                        // lives in the window, zero-initialised
  alignas(64) std::atomic<uint32_t> changes;  // the waiting thread sleeps on it
  std::atomic<uint32_t> asleep;
  alignas(64) std::atomic<uint64_t> count[kMaxBarrierMembers];  // by member
};

class Arrivals {
 public:
  Arrivals(ArrivalsState* state, int members) : state_(state), members_(members) {}
  // `member` arrived once more; what it wrote before is visible to whoever reads slowest(). Called
  // by that member's thread alone.
  void arrive(int member);
  // Arrivals of the member that has the fewest.
  uint64_t slowest() const;

  // To wait: changes(), then slowest() and whatever else to look at, then sleep(): it returns when
  // slowest() grew or wake() was called since that changes(), or after a short nap.
  uint32_t changes() const { return state_->changes.load(std::memory_order_seq_cst); }
  void sleep(uint32_t seen);
  void wake() noexcept;  // any thread

 private:
  ArrivalsState* state_;
  int members_;
};

}  // namespace trireme
