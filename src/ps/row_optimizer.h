#pragma once
// One step of the optimizer on rows of a table. The rules are those of the dense kernels, element
// by element, on the rows that a batch touched and on no others: a row that is not touched neither
// decays nor moves on its momentum ("lazy"), and bias corrections count the job's updates, not the
// row's.

#include <span>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"
#include "optim/optimizer.h"
#include "ps/row_clip.h"
#include "ps/row_gradient.h"
#include "ps/row_table.h"

namespace trireme::ps {

class RowOptimizer {
 public:
  // rowwise (adagrad alone): one sum a row, of the mean of its squared gradients, instead of one an
  // element.
  RowOptimizer(const Optimizer& optimizer, bool rowwise, const RowClip& clip = {});

  struct Moment {  // of every row, in the order of memory
    std::string name;
    int64_t width;  // floats: dim, or 1
  };
  std::vector<Moment> moments(int64_t dim) const;
  RowState row_state(int64_t dim) const;

  const RowClip& clip() const { return clip_; }

  // Steps rows[i] by the gradient's row i for i in [first, last): gradients are sums over samples,
  // scaled by scalars, then clipped row by row (clip().row). Nothing where scalars.skip is set.
  // Rows are distinct; other rows of the table may be stepped meanwhile by other threads. Throws
  // DeviceError where the kernel refuses.
  void step(const KernelTable& kernels, const OptimizerScalars& scalars, RowTable& table,
            std::span<const RowId> rows, const RowsView& gradient, int64_t first,
            int64_t last) const;

 private:
  void step_elements(const KernelTable& kernels, const OptimizerScalars& scalars, RowTable& table,
                     std::span<const RowId> rows, const float* gradients) const;
  const float* clipped(const OptimizerScalars& scalars, const RowsView& gradient, int64_t first,
                       int64_t count, std::vector<float>& room) const;
  void step_rowwise(const OptimizerScalars& scalars, RowTable& table, RowId row,
                    const float* gradient) const;

  OptimizerSpec spec_;
  std::vector<std::string> state_;
  float initial_;
  bool rowwise_;
  RowClip clip_;
};

}  // namespace trireme::ps
