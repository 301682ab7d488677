#pragma once
#include <memory>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

// y[c] = exp(x[c]) / sum of exp(x) over features, the last axis of T,C, or an image's channels.
class Softmax final : public Op {
 public:
  static std::shared_ptr<const Op> make(AttributeReader&) { return std::make_shared<Softmax>(); }
  std::string_view kind() const override { return "softmax"; }
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;
};

}  // namespace trireme
