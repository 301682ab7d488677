#pragma once
#include <memory>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

// y = x[begin .. begin + count): channels of images, features (and the last axis of T,C) of all
// else. What concat joins, slice takes apart.
class Slice final : public Op {
 public:
  Slice(int64_t begin, int64_t count) : begin_(begin), count_(count) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "slice"; }
  Attributes attributes() const override { return {{"begin", begin_}, {"count", count_}}; }
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;

 private:
  int64_t begin_, count_;
};

}  // namespace trireme
