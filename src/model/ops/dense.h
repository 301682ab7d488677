#pragma once
#include <memory>

#include "model/op.h"
#include "model/ops/activation.h"
#include "model/ops/initializers.h"

namespace trireme {

// y = act(x W^T + b).   x [in] or [T, in]   W "weight" [units, in]   b "bias" [units]
// After the flatten of an image C,H,W the weight is stored [units, H, W, C], as the input is in
// memory.
class Dense final : public Op {
 public:
  struct Options {
    int64_t units = 1;
    bool bias = true;
    WeightInit init;
    FusedActivation activation;
  };
  explicit Dense(Options options) : options_(std::move(options)) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "dense"; }
  Attributes attributes() const override;
  Shape infer(std::span<const Shape> inputs) const override;
  std::vector<SlotSpec> params(std::span<const InputInfo> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;
  bool keeps_channels_last() const override { return true; }
  std::shared_ptr<const Op> with_activation(Activation activation, float alpha) const override;

 private:
  Options options_;
};

}  // namespace trireme
