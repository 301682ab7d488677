#include "model/ops/losses/sigmoid_cross_entropy.h"

#include <fmt/format.h>

#include "base/error.h"

namespace trireme {
namespace {

class LoweredSigmoidCrossEntropy final : public LoweredLoss {
 public:
  LoweredSigmoidCrossEntropy(LowerContext& context, double positive_weight, bool labels)
      : LoweredLoss(context), positive_weight_(static_cast<float>(positive_weight)) {
    if (labels) converted_ = context.scratch(static_cast<size_t>(rows_) * sizeof(float));
  }

 private:
  Status compute(const Frame& f, LossSums* sums, float* gradient) const noexcept override {
    const float* targets = f.at(target_);
    if (converted_) {
      const Status s = k_.binary_targets(f.stream, rows_, f.at<int64_t>(target_), f.at(converted_));
      if (s != Status::ok) return s;
      targets = f.at(converted_);
    }
    return k_.sigmoid_cross_entropy(f.stream, rows_, cols_, predictions(f), targets,
                                    sample_weight(f), positive_weight_, sums, gradient, write_,
                                    loss_scale(f), scratch(f));
  }

  float positive_weight_;
  Ref converted_;
};

}  // namespace

std::shared_ptr<const Op> SigmoidCrossEntropy::make(AttributeReader& reader) {
  const double positive_weight = reader.number("positive_weight", 1.0);
  if (!(positive_weight > 0))
    throw ConfigError(fmt::format(
        "sigmoid_cross_entropy: positive_weight is {}, expected more than 0", positive_weight));
  const bool labels = reader.choice("targets", std::nullopt, {"labels", "values"}) == "labels";
  return std::make_shared<SigmoidCrossEntropy>(positive_weight, labels);
}

Attributes SigmoidCrossEntropy::attributes() const {
  return {{"positive_weight", positive_weight_},
          {"targets", std::string(labels_ ? "labels" : "values")}};
}

Shape SigmoidCrossEntropy::infer(std::span<const Shape> inputs) const {
  const Shape scalar = Loss::infer(inputs);
  if (labels_ && inputs[0][0] != 1)
    throw ShapeError(
        fmt::format("sigmoid_cross_entropy: class labels need one output, got {}", inputs[0][0]),
        "softmax_cross_entropy takes one output for each class");
  return scalar;
}

std::unique_ptr<Lowered> SigmoidCrossEntropy::lower(LowerContext& context) const {
  return std::make_unique<LoweredSigmoidCrossEntropy>(context, positive_weight_, labels_);
}

}  // namespace trireme
