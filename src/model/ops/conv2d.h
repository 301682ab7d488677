#pragma once
#include <memory>

#include "model/op.h"
#include "model/ops/activation.h"
#include "model/ops/initializers.h"
#include "model/ops/rules.h"

namespace trireme {

// y[o] = act(sum over i of w[o,i] * x[i] + b[o]), cross-correlation.   x C,H,W   y filters,H',W'
// "weight" [filters, C / groups, kernel, kernel], stored O,H,W,I   "bias" [filters]
// groups == C is a depthwise convolution.
class Conv2d final : public Op {
 public:
  struct Options {
    int64_t filters = 1;
    Windows windows;
    int64_t groups = 1;
    bool bias = true;
    WeightInit init;
    FusedActivation activation;
  };
  explicit Conv2d(Options options) : options_(std::move(options)) {}
  // padding = same keeps ceil(extent / stride): half the kernel's reach on each side, so the reach
  // must be odd. attributes() gives it as numbers.
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "conv2d"; }
  Attributes attributes() const override;
  Shape infer(std::span<const Shape> inputs) const override;
  std::vector<SlotSpec> params(std::span<const InputInfo> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  bool only_sets_gradients() const override { return true; }
  Cost cost(std::span<const Shape> inputs) const override;
  std::shared_ptr<const Op> with_activation(Activation activation, float alpha) const override;

 private:
  Options options_;
};

}  // namespace trireme
