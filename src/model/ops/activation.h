#pragma once
#include <memory>
#include <string>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

// y = act(x), element by element: relu, leaky_relu (alpha), gelu (approximate = none | tanh), silu,
// sigmoid, tanh.
class ActivationOp final : public Op {
 public:
  explicit ActivationOp(Activation activation, double alpha = 0)
      : activation_(activation), alpha_(alpha) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);  // by reader.kind()
  std::string_view kind() const override;
  Attributes attributes() const override;
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;
  bool keeps_channels_last() const override { return true; }
  std::optional<std::pair<Activation, float>> as_activation() const override {
    return std::pair{activation_, static_cast<float>(alpha_)};
  }

 private:
  Activation activation_;
  double alpha_;
};

// An activation inside another op: attributes `activation` and `alpha`.
struct FusedActivation {
  Activation kind = Activation::none;
  double alpha = 0;
  bool any() const { return kind != Activation::none; }
};
FusedActivation read_fused_activation(AttributeReader& reader);
void append(Attributes& attributes, const FusedActivation& fused);
// Those that a library's epilogue has and whose derivative needs only y.
bool is_epilogue(Activation activation);

}  // namespace trireme
