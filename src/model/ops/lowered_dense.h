#pragma once
#include "model/ops/activation.h"
#include "model/ops/plan.h"

namespace trireme {

// y = act(x W^T + b).   x [rows, in]   W [out, in]   b [out]   y [rows, out]; bias and activation
// are the forward plan's epilogue. Backward, with dz = act'(y) dy computed in dy's place: dW (+)=
// dz^T x,  db (+)= sum over rows of dz,  dx (+)= dz W. Where the kernels can, dW of all leaves of a
// piece is one product: a leaf's dW is as large as the layer itself. So can be y and dx, where the
// leaves go side by side: W is read once then.
class LoweredDense final : public Lowered {
 public:
  LoweredDense(LowerContext& context, bool bias, const FusedActivation& activation);
  Status forward(const Frame& f) const noexcept override;
  Status backward(const Frame& f) const noexcept override;
  Status backward_at_once(const Frame& f, int64_t part, int64_t parts) const noexcept override;
  bool takes_leaves_together() const override { return at_once_; }
  Status forward_together(const Frame& f) const noexcept override;
  Status backward_together(const Frame& f) const noexcept override;

 private:
  void plan_backward(LowerContext& context);
  void plan_weights(LowerContext& context);
  // dz in dy's place, and db.
  Status backward_bias(Stream* stream, int64_t rows, const float* y, float* dz, float* dbias,
                       void* scratch) const noexcept;
  // The product of all leaves' rows: of `from` into `to`.
  Status multiply_together(const Frame& f, const PlanHandle& plan, Ref from, Ref weight, Ref bias,
                           Ref to) const noexcept;

  const KernelTable& k_;
  Activation activation_;
  float alpha_;
  bool has_bias_;
  int64_t rows_a_sample_, rows_, in_, out_;
  PlanHandle forward_, data_, weights_;
  bool at_once_ = false;  // weights_ is of all leaves of a piece
  Ref x_, y_, weight_, bias_, dy_, dx_, data_weight_, dweight_, dbias_, scratch_, sum_scratch_;
  Ref products_, blocks_;  // at_once_: LeafProduct and RowBlock of each leaf
  Write dbias_write_ = Write::set;
};

}  // namespace trireme
