#pragma once
#include <memory>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

// y = act(weight (x - mean) / sqrt(var + epsilon) + bias + addend), per channel of images C,H,W or
// per feature; addend is input(1), act none or relu. Training: mean and biased variance of the
// whole batch (stats = global) or of the leaf alone (stats = shard). running (state) = (1 -
// momentum) running + momentum statistic of the whole batch, with the unbiased variance, as
// torch.nn.BatchNorm does. Inference: the running statistics.
class BatchNorm final : public Op {
 public:
  struct Options {
    bool global = true;
    double momentum = 0.1, epsilon = 1e-5;
    bool relu = false, addend = false;
  };
  explicit BatchNorm(Options options) : options_(options) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "batch_norm"; }
  Attributes attributes() const override;
  Shape infer(std::span<const Shape> inputs) const override;
  std::vector<SlotSpec> params(std::span<const InputInfo> inputs) const override;
  std::vector<SlotSpec> state(std::span<const InputInfo> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  bool takes_gradient_apart() const override { return true; }
  // With an addend its gradient is what relu lets through, which the sums are taken of.
  int gradient_in_place() const override { return options_.addend ? 1 : 0; }
  Cost cost(std::span<const Shape> inputs) const override;
  std::shared_ptr<const Op> with_activation(Activation activation, float alpha) const override;
  std::shared_ptr<const Op> with_addend() const override;

 private:
  Options options_;
};

}  // namespace trireme
