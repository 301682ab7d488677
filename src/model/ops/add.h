#pragma once
#include <memory>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

// y = the sum of inputs of one shape, added in their order; `inputs` says how many, 2 unless given.
class Add final : public Op {
 public:
  explicit Add(int64_t inputs = 2) : inputs_(inputs) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "add"; }
  Attributes attributes() const override { return {{"inputs", inputs_}}; }
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;
  bool keeps_channels_last() const override { return true; }

 private:
  int64_t inputs_;
};

}  // namespace trireme
