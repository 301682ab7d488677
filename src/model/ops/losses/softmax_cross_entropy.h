#pragma once
#include <vector>

#include "model/ops/losses/loss.h"

namespace trireme {

// w sum over k of q[k] (logsumexp(z) - z[k]), q the label one-hot, smoothed by label_smoothing; as
// torch.nn.CrossEntropyLoss. Target: int64 labels. class_weights: one per class, or none.
class SoftmaxCrossEntropy final : public Loss {
 public:
  SoftmaxCrossEntropy(double smoothing, std::vector<double> class_weights)
      : smoothing_(smoothing), class_weights_(std::move(class_weights)) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "softmax_cross_entropy"; }
  Attributes attributes() const override;
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;

 private:
  double smoothing_;
  std::vector<double> class_weights_;
};

}  // namespace trireme
