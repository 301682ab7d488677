#include "base/spare_time.h"

#include <sched.h>

#include <utility>

#include "base/clock.h"

namespace trireme {

SpareTime::~SpareTime() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SpareTime::run(const std::function<void()>& piece) {
  const auto start = Clock::now();
  if (spent_ > static_cast<double>(pieces_) * seconds_each_)
    piece();
  else
    hand_over(piece);
  spent_ += seconds_since(start);
  ++pieces_;
}

void SpareTime::hand_over(const std::function<void()>& piece) {
  if (!thread_.joinable()) thread_ = std::thread([this] { serve(); });
  std::unique_lock lock(mutex_);
  piece_ = &piece;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !piece_; });
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void SpareTime::serve() {
  const sched_param none{};
  (void)::sched_setscheduler(0, SCHED_IDLE, &none);  // refused, its priority stays the caller's
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ends_ || piece_; });
    if (ends_) return;
    lock.unlock();
    std::exception_ptr error;
    try {
      (*piece_)();
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    error_ = std::move(error);
    piece_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace trireme
