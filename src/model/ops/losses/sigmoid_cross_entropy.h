#pragma once
#include "model/ops/losses/loss.h"

namespace trireme {

// Mean over K of -(positive_weight t log s(z) + (1 - t) log(1 - s(z))), s the sigmoid; as
// torch.nn.BCEWithLogitsLoss. targets = labels: int64 0 or 1, one output; targets = values: K
// floats.
class SigmoidCrossEntropy final : public Loss {
 public:
  SigmoidCrossEntropy(double positive_weight, bool labels)
      : positive_weight_(positive_weight), labels_(labels) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "sigmoid_cross_entropy"; }
  Attributes attributes() const override;
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;

 private:
  double positive_weight_;
  bool labels_;
};

}  // namespace trireme
