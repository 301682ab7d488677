#pragma once
// Ops that only change the shape: output and input are the same bytes, so a program runs nothing.

#include <memory>

#include "model/op.h"
#include "model/ops/attribute_reader.h"

namespace trireme {

class LoweredView final : public Lowered {
 public:
  Status forward(const Frame&) const noexcept override { return Status::ok; }
};

// CxHxW or TxC -> their product. Images keep their H,W,C order in memory: the graph marks that.
class Flatten final : public Op {
 public:
  static std::shared_ptr<const Op> make(AttributeReader&) { return std::make_shared<Flatten>(); }
  std::string_view kind() const override { return "flatten"; }
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext&) const override {
    return std::make_unique<LoweredView>();
  }
  Cost cost(std::span<const Shape>) const override { return {}; }
  bool is_view() const override { return true; }
  bool keeps_channels_last() const override { return true; }
};

}  // namespace trireme
