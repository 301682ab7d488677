#pragma once
#include <memory>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

// y = weight (x - mean) / sqrt(var + epsilon) + bias over the last axis of F or T,C; biased
// variance.
class LayerNorm final : public Op {
 public:
  explicit LayerNorm(double epsilon = 1e-5) : epsilon_(epsilon) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "layer_norm"; }
  Attributes attributes() const override { return {{"epsilon", epsilon_}}; }
  Shape infer(std::span<const Shape> inputs) const override;
  std::vector<SlotSpec> params(std::span<const InputInfo> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;

 private:
  double epsilon_;
};

}  // namespace trireme
