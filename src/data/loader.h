#pragma once
// Batches of a rank's leaves, filled ahead by prefetch threads or, for data in memory, by the lane
// itself.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "data/order.h"
#include "data/source.h"

namespace trireme {

class Device;

// Positions [begin, end) of an epoch: one leaf of one step.
struct LeafRequest {
  int leaf = 0;
  uint64_t epoch = 0;
  int64_t begin = 0, end = 0;
  int64_t samples() const { return end - begin; }
};

// What a field of a batch is: f32 input, or bytes (LoaderOptions); i64 label or f32 target; f32
// weight; i64 ids. Input, weight and ids are null where the data has none.
enum class BatchField : uint8_t { input, target, weight, ids };
constexpr size_t kBatchFields = 4;

// One filled leaf; valid until the step after it is released.
struct LeafBatch {
  int64_t samples = 0;
  std::byte* fields[kBatchFields] = {};
  std::byte* at(BatchField field) const { return fields[static_cast<size_t>(field)]; }
  const SampleKey* keys = nullptr;
};

struct LoaderOptions {
  bool augment = false;
  int threads = 0;  // 0: get() fills in the calling thread
  int steps_ahead = 2;
  double timeout = 300;            // seconds get() may wait
  const Device* device = nullptr;  // that batches are copied to; null: the CPU reads them in place
  bool bytes = false;              // inputs as the source reads them, not normalised
};

class Loader {
 public:
  // `plan(step)`: the requests of this rank at that step, in order; pure; empty: nothing to read.
  // Requests of one step are for distinct leaves. `max_samples`: of any leaf. `max_leaves`: of any
  // step.
  Loader(const DataSource& source, const Order& order,
         std::function<std::vector<LeafRequest>(int64_t)> plan, int64_t first_step,
         int64_t max_leaves, int64_t max_samples, LoaderOptions options);
  ~Loader();
  // The index-th request of `step`. Thread-safe for distinct indexes. Steps are asked for in order.
  // Rethrows what the reader threw; throws DataError naming step and leaf after the timeout.
  const LeafBatch& get(int64_t step, int index);
  // No lane reads this step's batches any more.
  void release(int64_t step);
  double wait_seconds() const;  // time get() spent waiting or filling, summed over threads

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trireme
