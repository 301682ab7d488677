#include "worker/exchange/carrier_driver.h"

#include <unistd.h>

#include <utility>

namespace trireme {
namespace {

// Between two looks of the thread. The lanes want the cores: it never spins. At 10 Gbit/s a pause
// (with the kernel's slack) is 100 KB, less than what sockets buffer.
constexpr useconds_t kPause = 20;

}  // namespace

CarrierDriver::CarrierDriver(std::unique_ptr<BucketCarrier> carrier, size_t buckets,
                             Arrivals arrivals, NodeBarrier alarm,
                             const std::function<void()>& prepare)
    : carrier_(std::move(carrier)),
      buckets_(buckets),
      arrivals_(arrivals),
      alarm_(std::move(alarm)),
      next_(buckets),
      thread_([this, prepare] { serve(prepare); }) {}

CarrierDriver::~CarrierDriver() {
  {
    const std::lock_guard lock(guard_);
    stop_ = true;
  }
  wake();
  thread_.join();
}

void CarrierDriver::wake() noexcept { arrivals_.wake(); }

// Starts what all lanes of the host have handed in, and advances what is under way.
bool CarrierDriver::move() {
  alarm_.check();
  bool moved = false;
  const bool was_busy = carrier_->busy();
  for (; next_ < buckets_ && carrier_->may_take() && arrivals_.slowest() > started_; ++started_) {
    carrier_->take(next_++);
    moved = true;
  }
  const bool busy = carrier_->busy();
  if (busy && !was_busy) busy_since_ = Clock::now();
  moved = carrier_->advance() || moved;
  if (busy && !carrier_->busy() && !lane_drives_) hidden_ += seconds_since(busy_since_);
  return moved;
}

void CarrierDriver::serve(const std::function<void()>& prepare) {
  try {
    prepare();
    while (true) {
      lane_drives_.wait(1);
      const uint32_t seen = arrivals_.changes();
      bool moved = false, busy = false;
      {
        const std::lock_guard lock(guard_);
        if (stop_ || error_) return;
        moved = move();
        busy = carrier_->busy();
      }
      if (moved) continue;  // which may have made room for more
      if (busy)
        ::usleep(kPause);
      else
        arrivals_.sleep(seen);
    }
  } catch (const std::exception& e) {
    {
      const std::lock_guard lock(guard_);
      error_ = std::current_exception();
    }
    alarm_.fail(e.what());
  }
}

void CarrierDriver::rethrow_locked() const {
  if (error_) std::rethrow_exception(error_);
}

void CarrierDriver::rethrow() {
  const std::lock_guard lock(guard_);
  rethrow_locked();
}

void CarrierDriver::begin(int64_t step, const std::vector<bool>& leaf_present, bool trains) {
  const std::lock_guard lock(guard_);
  rethrow_locked();
  carrier_->begin(step, leaf_present);
  next_ = trains ? 0 : buckets_;
  hidden_ = 0;
}

void CarrierDriver::until(const std::function<bool()>& done) {
  lane_drives_.store(1);
  std::exception_ptr error;
  {
    const std::lock_guard lock(guard_);
    try {
      rethrow_locked();
      if (carrier_->busy()) hidden_ += seconds_since(busy_since_);
      for (int looks = 0; !done();)
        if (move())
          looks = 0;
        else
          carrier_->idle(looks++);
      busy_since_ = Clock::now();  // what is still under way goes on behind the lanes' backs
    } catch (...) {                // the thread ends too
      error = error_ = std::current_exception();
    }
  }
  lane_drives_.store(0);
  lane_drives_.notify_one();
  if (error) std::rethrow_exception(error);
}

void CarrierDriver::gather(std::span<const MutableBytes> blocks, const char* what) {
  bool started = false;
  until([&] {
    if (!std::exchange(started, true)) carrier_->gather(blocks, what);
    return !carrier_->gathering();
  });
}

double CarrierDriver::hidden() {
  const std::lock_guard lock(guard_);
  return hidden_;
}

void CarrierDriver::finish() {
  until([&] { return next_ == buckets_ && !carrier_->busy(); });
}

}  // namespace trireme
