#pragma once
#include <memory>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

// y = x0 * (w . x + b) + x   (from=x0,x): a layer of a deep and cross network (Wang et al.,
// arXiv:1708.05123) with the bias inside, as in its second version. x0, x, y [dim]; weight [1,
// dim], bias [1]. The second version's full matrix is a dense layer and a product.
class Cross final : public Op {
 public:
  static std::shared_ptr<const Op> make(AttributeReader&) { return std::make_shared<Cross>(); }
  std::string_view kind() const override { return "cross"; }
  Shape infer(std::span<const Shape> inputs) const override;
  std::vector<SlotSpec> params(std::span<const InputInfo> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;
};

}  // namespace trireme
