#pragma once
// Work that should take nothing from others: done where a core has nothing else to do, as long as
// that is often enough.

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace trireme {

// Pieces of work, one after the other, by a thread that the system runs on idle cores alone
// (SCHED_IDLE): it takes the moments in which threads wait for one another, and whoever wakes up
// has its core at once. Where cores are never idle it would not go on; such a thread cannot be
// given a higher priority again, but the next piece can be done by the caller. A piece that was
// begun takes as long as it takes: the system gives such a thread some 0.3 % of a busy core.
class SpareTime {
 public:
  // seconds_each: what a piece may take on average. While those so far took longer, the caller does
  // the next one itself, with its own priority.
  explicit SpareTime(double seconds_each) : seconds_each_(seconds_each) {}
  ~SpareTime();
  SpareTime(const SpareTime&) = delete;
  SpareTime& operator=(const SpareTime&) = delete;
  // Returns when the piece is done; rethrows what it threw.
  void run(const std::function<void()>& piece);

 private:
  void hand_over(const std::function<void()>& piece);
  void serve();

  const double seconds_each_;
  double spent_ = 0;
  int64_t pieces_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void()>* piece_ = nullptr;  // null: there is none
  std::exception_ptr error_;
  bool ends_ = false;
  std::thread thread_;  // from the first piece on
};

}  // namespace trireme
