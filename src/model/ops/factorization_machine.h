#pragma once
#include <memory>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

// The second-order term of a factorisation machine (Rendle, ICDM 2010): the sum of v_i . v_j over
// all pairs of rows of x, [n, dim], as 0.5 ((sum_i v_i)^2 - sum_i v_i^2). y: [1], or [dim] where
// the elements are not added up (reduce = false).
class FactorizationMachine final : public Op {
 public:
  explicit FactorizationMachine(bool reduce) : reduce_(reduce) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader) {
    return std::make_shared<FactorizationMachine>(reader.flag("reduce", true));
  }
  std::string_view kind() const override { return "factorization_machine"; }
  Attributes attributes() const override { return {{"reduce", int64_t{reduce_}}}; }
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;

 private:
  bool reduce_;
};

}  // namespace trireme
