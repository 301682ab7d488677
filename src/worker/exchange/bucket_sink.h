#pragma once
// One lane's side of the overlap: as the backward of the lane's last leaf passes the end of a
// bucket, the lane's sums there are finished and the bucket is handed in.

#include <vector>

#include "comm/arrivals.h"
#include "model/program.h"
#include "tensor/param_table.h"
#include "worker/exchange/gradient_stack.h"

namespace trireme {

class BucketSink final : public GradSink {
 public:
  // `last_leaf`: of the lane; -1: it has none. Borrows `buckets` and `gradients`.
  BucketSink(const std::vector<Range>& buckets, const GradientStack& gradients, int last_leaf,
             Arrivals arrivals, int node_member);
  void begin() { next_ = 0; }
  int last_leaf() const { return last_leaf_; }
  void ready(int64_t watermark) override { hand_in(watermark, true); }
  // All that is not yet handed in. `present`: the last leaf had samples.
  void finish(bool present);

 private:
  void hand_in(int64_t watermark, bool present);

  const std::vector<Range>& buckets_;
  const GradientStack& gradients_;
  const int last_leaf_;
  Arrivals arrivals_;
  const int node_member_;
  size_t next_ = 0;
};

}  // namespace trireme
