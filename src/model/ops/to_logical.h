#pragma once
#include <memory>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

// A flattened image C,H,W whose memory is H,W,C becomes one in logical order. The graph puts it
// before ops that mind the order; nobody writes it in an experiment file.
class ToLogical final : public Op {
 public:
  explicit ToLogical(const Shape& image) : image_(image) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "to_logical"; }
  Attributes attributes() const override;
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;

 private:
  Shape image_;  // C,H,W
};

}  // namespace trireme
