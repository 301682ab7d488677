#pragma once
#include "model/ops/activation.h"
#include "model/ops/plan.h"

namespace trireme {

// y = act(x W^T + b).   x [rows, in]   W [out, in]   b [out]   y [rows, out]; bias and activation
// are the forward plan's epilogue. Backward, with dz = act'(y) dy computed in dy's place: dW (+)=
// dz^T x,  db (+)= sum over rows of dz,  dx (+)= dz W.
class LoweredDense final : public Lowered {
 public:
  LoweredDense(LowerContext& context, bool bias, const FusedActivation& activation);
  Status forward(const Frame& f) const noexcept override;
  Status backward(const Frame& f) const noexcept override;

 private:
  void plan_backward(LowerContext& context);

  const KernelTable& k_;
  Activation activation_;
  float alpha_;
  bool has_bias_;
  int64_t rows_, in_, out_;
  PlanHandle forward_, data_, weights_;
  Ref x_, y_, weight_, bias_, dy_, dx_, data_weight_, dweight_, dbias_, scratch_, sum_scratch_;
  Write dbias_write_ = Write::set;
};

}  // namespace trireme
