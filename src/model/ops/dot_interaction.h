#pragma once
#include <memory>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

// How pairs of feature vectors agree (Naumov et al., arXiv:1906.00091, DLRM). The vectors are the
// rows of x, [n, dim], after z, [dim], where there are two inputs (from=z,x).
// y = the first vector, then v_i . v_j for every i > j, by i, then j: [dim + k (k - 1) / 2] for k
// vectors.
class DotInteraction final : public Op {
 public:
  explicit DotInteraction(int64_t inputs) : inputs_(inputs) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "dot_interaction"; }
  Attributes attributes() const override { return {{"inputs", inputs_}}; }
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;

 private:
  int64_t inputs_;
};

}  // namespace trireme
