#pragma once
#include "model/ops/plan.h"

namespace trireme {

// y = act(conv(x, w) + b), act in the forward plan's epilogue. Backward, with dz = act'(y) dy
// computed in dy's place: dw, db and dx by the library, which only sets; where a gradient is added
// to, the result goes to scratch first.
class LoweredConv2d final : public Lowered {
 public:
  LoweredConv2d(LowerContext& context, const Conv2dSpec& spec);
  Status forward(const Frame& f) const noexcept override;
  Status backward(const Frame& f) const noexcept override;

 private:
  // Where a plan writes, and where that must be added afterwards.
  struct Result {
    Ref written, added;
    int64_t elements = 0;
  };
  static Result result(LowerContext& context, Ref gradient, bool add, int64_t elements);
  void plan_backward(LowerContext& context, const Conv2dSpec& spec);
  // accumulate: the table's for Elements or for gradients of parameters.
  Status finish(const Frame& f, const Result& result,
                decltype(KernelTable::accumulate) accumulate) const noexcept;
  Status backward_weights(const Frame& f, const float* dz) const noexcept;

  const KernelTable& k_;
  Activation activation_;
  float alpha_;
  int64_t rows_ = 0, channels_ = 0;  // of y in memory
  bool has_bias_;
  PlanHandle forward_, data_, weights_;
  Ref x_, y_, weight_, bias_, dy_, data_weight_, scratch_, sum_scratch_;
  Result dx_, dweight_, dbias_;
};

}  // namespace trireme
