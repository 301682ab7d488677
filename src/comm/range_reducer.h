#pragma once
// Adds pieces along the tree over a range of the index space, block by block so that partial sums
// stay in cache.

#include <cstdint>
#include <vector>

#include "comm/tree.h"
#include "kernels/kernel_table.h"
#include "tensor/buffer.h"
#include "tensor/param_table.h"

namespace trireme {

class RangeReducer {
 public:
  RangeReducer() = default;
  explicit RangeReducer(TreeSteps steps, int pieces);
  // The only operand when nothing has to be added (one present piece); -1 otherwise.
  int single() const { return steps_.adds.empty() ? steps_.result : -1; }
  bool empty() const { return steps_.result < 0; }
  // out[i] = tree sum of pieces[.][i] for i in range. `temporaries`: temporary_floats() floats.
  void reduce(const KernelTable& kernels, const std::vector<const float*>& pieces, Range range,
              float* out, float* temporaries) const;
  int64_t temporary_floats() const { return temporaries_ * kBlock; }

 private:
  static constexpr int64_t kBlock = 2048;
  struct Step {
    int left, right, target;  // < pieces_: a piece; else temporary; target -1: the output
  };
  TreeSteps steps_;
  std::vector<Step> plan_;
  int pieces_ = 0, temporaries_ = 0;
};

}  // namespace trireme
