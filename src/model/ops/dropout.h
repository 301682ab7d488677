#pragma once
#include <memory>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

// Training: y = x / (1 - p) where the counter-based mask keeps it, else 0; the mask depends on
// (seed, the layer's name, epoch, position of the sample, element) alone. Inference: y = x.
class Dropout final : public Op {
 public:
  explicit Dropout(double p) : p_(p) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "dropout"; }
  Attributes attributes() const override { return {{"p", p_}}; }
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;
  bool keeps_channels_last() const override { return true; }

 private:
  double p_;
};

}  // namespace trireme
