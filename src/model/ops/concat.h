#pragma once
#include <memory>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

// Inputs side by side: images along their channels, features (and the last axis of T,C) end to end.
class Concat final : public Op {
 public:
  static std::shared_ptr<const Op> make(AttributeReader&) { return std::make_shared<Concat>(); }
  std::string_view kind() const override { return "concat"; }
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;
};

}  // namespace trireme
