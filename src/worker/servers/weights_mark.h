#pragma once
// How far the weights of a step have come, from the end of the index space down. One thread takes
// them in; lanes wait for those that they read.

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/clock.h"

namespace trireme {

class WeightsMark {
 public:
  // Those from `from` on are there, and visible to whoever sees it; wakes who waits. One thread at
  // a time.
  void set(int64_t from);
  int64_t from() const { return from_.load(std::memory_order_acquire); }
  // Whether those from `from` on came before the deadline. Calls `check` now and then, which may
  // throw. Any thread.
  bool wait(int64_t from, Deadline deadline, const std::function<void()>& check);

 private:
  std::atomic<int64_t> from_{0};
  std::atomic<uint32_t> changes_{0};
  std::atomic<uint32_t> sleepers_{0};
};

}  // namespace trireme
