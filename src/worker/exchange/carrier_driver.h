#pragma once
// Moves a BucketCarrier: a thread of its own while the lanes compute, lane 0 while it waits anyway.
// So buckets travel behind the backward pass, the communicator is used by one thread at a time, and
// lane 0's waits are handed to nobody. On the first rank of each host, where there are several.
//
// Between steps (after finish() returned, until lane 0 handed in a bucket again) the thread leaves
// the communicator alone: it belongs to the step thread. A carrier that is busy then, as with
// weights that go on coming, keeps it until they have come.

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "comm/arrivals.h"
#include "comm/node_barrier.h"
#include "worker/exchange/bucket_carrier.h"

namespace trireme {

class CarrierDriver {
 public:
  // `arrivals`: one for each bucket a lane hands in. `alarm`: tells the host's lanes when the
  // thread fails, and the thread when a lane does. `prepare` runs once in the thread.
  CarrierDriver(std::unique_ptr<BucketCarrier> carrier, size_t buckets, Arrivals arrivals,
                NodeBarrier alarm, const std::function<void()>& prepare);
  ~CarrierDriver();  // ends the thread; waits for no peer
  CarrierDriver(const CarrierDriver&) = delete;
  CarrierDriver& operator=(const CarrierDriver&) = delete;

  // These from lane 0. All throw the thread's error, if it had one.
  // trains: the lanes will hand in every bucket, once.
  void begin(int64_t step, const std::vector<bool>& leaf_present, bool trains);
  void gather(std::span<const MutableBytes> blocks, const char* what);  // returns when done
  void finish();  // every bucket of the step has arrived and come back
  // Moves the carrier until `done`, which is asked between its moves and may start something.
  void until(const std::function<bool()>& done);

  void rethrow();        // the thread's error, if it had one; any thread
  void wake() noexcept;  // the thread looks at the alarm; any thread
  // Seconds of the step in which buckets were under way and lane 0 did not wait for other hosts.
  double hidden();

 private:
  void serve(const std::function<void()>& prepare);
  bool move();
  void rethrow_locked() const;

  const std::unique_ptr<BucketCarrier> carrier_;
  const size_t buckets_;
  Arrivals arrivals_;
  NodeBarrier alarm_;
  std::mutex guard_;      // of all below, and of the carrier
  size_t next_;           // bucket to start
  uint64_t started_ = 0;  // buckets, in all steps
  Clock::time_point busy_since_;
  double hidden_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;
  std::atomic<uint32_t> lane_drives_{0};  // then the thread sleeps
  std::thread thread_;
};

}  // namespace trireme
