#pragma once
#include <memory>
#include <vector>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

// The same values, in logical order, under another shape; one extent may be -1: what is left over.
// Features to an image of several channels moves memory (images are H,W,C there); all else is a
// view.
class Reshape final : public Op {
 public:
  explicit Reshape(std::vector<int64_t> shape) : shape_(std::move(shape)) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "reshape"; }
  Attributes attributes() const override { return {{"shape", shape_}}; }
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;
  bool is_view() const override;

 private:
  std::vector<int64_t> shape_;
};

}  // namespace trireme
