#pragma once
#include "model/ops/activation.h"
#include "model/ops/plan.h"

namespace trireme {

// y = act(x W^T + b).   x [rows, in]   W [out, in]   b [out]   y [rows, out]; bias and activation
// are the forward plan's epilogue. Backward, with dz = act'(y) dy computed in dy's place: dW (+)=
// dz^T x,  db (+)= sum over rows of dz,  dx (+)= dz W. Where the kernels can, dW of all leaves of a
// piece is one product that the last of them computes: a leaf's dW is as large as the layer itself.
class LoweredDense final : public Lowered {
 public:
  LoweredDense(LowerContext& context, bool bias, const FusedActivation& activation);
  Status forward(const Frame& f) const noexcept override;
  Status backward(const Frame& f) const noexcept override;

 private:
  void plan_backward(LowerContext& context);
  void plan_weights(LowerContext& context);
  Status backward_weights(const Frame& f, const float* dz) const noexcept;
  Status backward_weights_at_once(const Frame& f) const noexcept;

  const KernelTable& k_;
  Activation activation_;
  float alpha_;
  bool has_bias_;
  int64_t rows_a_sample_, rows_, in_, out_;
  PlanHandle forward_, data_, weights_;
  bool at_once_ = false;  // weights_ is of all leaves of a piece
  Ref x_, y_, weight_, bias_, dy_, dx_, data_weight_, dweight_, dbias_, scratch_, sum_scratch_;
  Ref products_;  // at_once_: LeafProduct of each leaf
  Write dbias_write_ = Write::set;
};

}  // namespace trireme
