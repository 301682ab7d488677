#include "model/ops/losses/softmax_cross_entropy.h"

#include <fmt/format.h>

#include "base/error.h"

namespace trireme {
namespace {

class LoweredSoftmaxCrossEntropy final : public LoweredLoss {
 public:
  LoweredSoftmaxCrossEntropy(LowerContext& context, double smoothing,
                             const std::vector<double>& class_weights)
      : LoweredLoss(context), smoothing_(static_cast<float>(smoothing)) {
    const std::vector<float> weights(class_weights.begin(), class_weights.end());
    if (!weights.empty()) class_weights_ = context.constant(weights);
  }

 private:
  Status compute(const Frame& f, LossSums* sums, float* gradient) const noexcept override {
    return k_.softmax_cross_entropy(f.stream, rows_, cols_, predictions(f), f.at<int64_t>(target_),
                                    sample_weight(f), f.at(class_weights_), smoothing_, sums,
                                    gradient, write_, loss_scale(f), scratch(f));
  }
  float smoothing_;
  Ref class_weights_;
};

}  // namespace

std::shared_ptr<const Op> SoftmaxCrossEntropy::make(AttributeReader& reader) {
  const double smoothing = reader.number("label_smoothing", 0.0);
  if (!(smoothing >= 0 && smoothing < 1))
    throw ConfigError(fmt::format(
        "softmax_cross_entropy: label_smoothing is {}, expected 0 <= s < 1", smoothing));
  std::vector<double> weights = reader.numbers("class_weights");
  for (double w : weights)
    if (!(w >= 0))
      throw ConfigError(fmt::format("softmax_cross_entropy: class weight {} is negative", w));
  return std::make_shared<SoftmaxCrossEntropy>(smoothing, std::move(weights));
}

Attributes SoftmaxCrossEntropy::attributes() const {
  return {{"label_smoothing", smoothing_}, {"class_weights", class_weights_}};
}

Shape SoftmaxCrossEntropy::infer(std::span<const Shape> inputs) const {
  const Shape scalar = Loss::infer(inputs);
  if (inputs[0][0] < 2)
    throw ShapeError("softmax_cross_entropy: needs two outputs or more, got 1",
                     "sigmoid_cross_entropy takes one output");
  if (!class_weights_.empty() && static_cast<int64_t>(class_weights_.size()) != inputs[0][0])
    throw ShapeError(fmt::format("softmax_cross_entropy: {} class weights for {} outputs",
                                 class_weights_.size(), inputs[0][0]),
                     "class_weights needs one number for each class");
  return scalar;
}

std::unique_ptr<Lowered> SoftmaxCrossEntropy::lower(LowerContext& context) const {
  return std::make_unique<LoweredSoftmaxCrossEntropy>(context, smoothing_, class_weights_);
}

}  // namespace trireme
