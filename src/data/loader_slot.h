#pragma once
// One step's batches: buffers made once, refilled every few steps.

#include <atomic>
#include <exception>
#include <vector>

#include "data/loader.h"
#include "tensor/device.h"

namespace trireme {

class LeafSlot {
 public:
  enum class State { pending, ready, failed };
  LeafSlot(const Schema& schema, int64_t max_samples, const LoaderOptions& options);
  void reset() { state_.store(State::pending, std::memory_order_relaxed); }
  // Reads the request's samples; keeps what the reader throws for batch().
  void fill(const DataSource& source, const Order& order, const LeafRequest& request,
            bool augment) noexcept;
  State state() const { return state_.load(std::memory_order_acquire); }
  const LeafBatch& batch() const;  // rethrows what fill() caught

 private:
  void read_samples(const DataSource& source, const Order& order, const LeafRequest& request,
                    bool augment);

  int64_t elements_, target_width_, ids_count_, max_samples_;  // of a sample; of the slot
  bool labels_, bytes_;
  DeviceBuffer input_, target_, weight_, ids_, keys_;  // host memory
  LeafBatch batch_;
  std::exception_ptr failure_;
  std::atomic<State> state_{State::pending};
};

}  // namespace trireme
