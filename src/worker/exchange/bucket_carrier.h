#pragma once
// What an CarrierDriver moves: gradients, bucket by bucket, and small blocks, on their way to
// other ranks and back. Nothing here waits: operations are started, and advance() moves all of
// them. One thread at a time.

#include <cstdint>
#include <span>
#include <vector>

#include "comm/communicator.h"

namespace trireme {

class BucketCarrier {
 public:
  virtual ~BucketCarrier() = default;
  virtual void begin(int64_t step, const std::vector<bool>& leaf_present) = 0;
  // Each host's block reaches every host; blocks[h] is host h's part. One at a time.
  virtual void gather(std::span<const MutableBytes> blocks, const char* what) = 0;
  virtual bool gathering() const = 0;
  // The host's lanes have bucket `index`; in ascending order. Only when may_take().
  virtual void take(size_t index) = 0;
  virtual bool may_take() const = 0;
  virtual bool busy() const = 0;  // with buckets
  // Does what has become possible; false: nothing. Throws CommError as Communicator::wait() would.
  virtual bool advance() = 0;
  virtual void idle(int round) = 0;
};

}  // namespace trireme
