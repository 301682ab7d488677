#pragma once
#include <memory>

#include "model/op.h"
#include "model/ops/rules.h"

namespace trireme {

// Windows of an image, channel by channel: `size`, `stride` (default: size), `padding`. Windows
// that would reach over the padded edge are left out (floor).
struct PoolOptions {
  Windows windows;
  bool count_include_pad = true;  // average: divide by the window's area (PyTorch's default)
};

// y = the largest value in each window; padding never wins.
class MaxPool2d final : public Op {
 public:
  explicit MaxPool2d(PoolOptions options) : options_(options) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "max_pool2d"; }
  Attributes attributes() const override;
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;

 private:
  PoolOptions options_;
};

// y = the mean of each window.
class AvgPool2d final : public Op {
 public:
  explicit AvgPool2d(PoolOptions options) : options_(options) {}
  static std::shared_ptr<const Op> make(AttributeReader& reader);
  std::string_view kind() const override { return "avg_pool2d"; }
  Attributes attributes() const override;
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;

 private:
  PoolOptions options_;
};

// y[c] = the mean of channel c: C,H,W -> C.
class GlobalAvgPool final : public Op {
 public:
  static std::shared_ptr<const Op> make(AttributeReader&) {
    return std::make_shared<GlobalAvgPool>();
  }
  std::string_view kind() const override { return "global_avg_pool"; }
  Shape infer(std::span<const Shape> inputs) const override;
  std::unique_ptr<Lowered> lower(LowerContext& context) const override;
  Cost cost(std::span<const Shape> inputs) const override;
};

}  // namespace trireme
