#pragma once
#include <memory>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

// y[f] = sum or mean over v of the rows of ids[f, v].   ids [F, V] int64, -1: none   y [F, dim], or
// [F * dim] when flat. A feature without ids gives zeros. So does, at inference, an id that has no
// row: it counts for no id, in a mean too. Rows live in a table of the layer's own, a TableSpec of
// the graph, not in the flat index space.
class EmbeddingBag final : public Op {
 public:
  EmbeddingBag(TableUse use, bool mean, bool flat)
      : use_(std::move(use)), mean_(mean), flat_(flat) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "embedding_bag"; }
  Attributes attributes() const override;
  DType input_dtype(int) const override { return DType::i64; }
  std::optional<TableUse> table() const override { return use_; }
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;

 private:
  TableUse use_;
  bool mean_, flat_;
};

}  // namespace trireme
