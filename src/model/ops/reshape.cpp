#include "model/ops/reshape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "model/ops/flatten.h"
#include "model/ops/reorder.h"
#include "model/ops/rules.h"

namespace trireme {

std::shared_ptr<const Op> Reshape::make(AttributeReader& reader) {
  std::vector<int64_t> shape = reader.integers("shape");
  const bool legal =
      !shape.empty() && shape.size() <= 3 &&
      std::all_of(shape.begin(), shape.end(), [](int64_t d) { return d == -1 || d > 0; }) &&
      std::count(shape.begin(), shape.end(), -1) <= 1;
  if (!legal)
    throw ConfigError(fmt::format("reshape: shape is {}, expected one to three positive extents",
                                  fmt::join(shape, "x")),
                      "one of them may be -1: what is left over");
  return std::make_shared<Reshape>(std::move(shape));
}

Shape Reshape::infer(std::span<const Shape> inputs) const {
  require_inputs("reshape", inputs, 1);
  if (inputs[0].rank() == 3)
    throw ShapeError(fmt::format("reshape: the input is an image {}", inputs[0].str()),
                     "put a flatten before it");
  const int64_t elements = inputs[0].elements();
  std::vector<int64_t> dims = shape_;
  std::replace(dims.begin(), dims.end(), int64_t{-1}, int64_t{1});
  const int64_t known = Shape(std::span<const int64_t>(dims)).elements();
  dims = shape_;
  std::replace(dims.begin(), dims.end(), int64_t{-1}, elements / known);
  const Shape result{std::span<const int64_t>(dims)};
  if (result.elements() != elements)
    throw ShapeError(
        fmt::format("reshape: {} values do not fit {}", elements, fmt::join(shape_, "x")),
        "the product of shape's extents must be the number of input values");
  return result;
}

bool Reshape::is_view() const {
  return shape_.size() < 3 || shape_[0] == 1 || (shape_[1] == 1 && shape_[2] == 1);
}

std::unique_ptr<Lowered> Reshape::lower(LowerContext& context) const {
  if (is_view()) return std::make_unique<LoweredView>();
  const Matrix m = matrix_of(context.output_shape());
  return lower_reorder(context, m.cols, m.rows);
}

Cost Reshape::cost(std::span<const Shape> inputs) const {
  return {0, is_view() ? 0 : traffic(inputs, infer(inputs))};
}

}  // namespace trireme
