#pragma once
// What all losses share: one input [K] per sample, a target field, sample weights, a sum and its
// gradient.

#include <memory>
#include <string_view>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

class Loss : public Op {
 public:
  bool is_loss() const final { return true; }
  // The predictions must be [K]; the loss is a scalar.
  Shape infer(std::span<const Shape> inputs) const override;
  Cost cost(std::span<const Shape> inputs) const final;
};

// Value and gradient come from one pass in forward; nothing is left for backward. The gradient is
// of the SUM of weighted losses.
class LoweredLoss : public Lowered {
 public:
  explicit LoweredLoss(LowerContext& context);
  Status forward(const Frame& f) const noexcept final;

 protected:
  // `gradient` is null when nobody needs it.
  virtual Status compute(const Frame& f, LossSums* sums, float* gradient) const noexcept = 0;
  const float* predictions(const Frame& f) const { return f.at(predictions_); }
  const float* sample_weight(const Frame& f) const { return f.at(weight_); }
  static const float* loss_scale(const Frame& f) { return f.loss_scale; }
  void* scratch(const Frame& f) const { return f.at<void>(scratch_); }

  const KernelTable& k_;
  int64_t rows_, cols_;
  Ref target_;
  Write write_;

 private:
  Ref predictions_, weight_, gradient_, scratch_;
  int64_t slot_;
};

}  // namespace trireme
