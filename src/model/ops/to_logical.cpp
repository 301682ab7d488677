#include "model/ops/to_logical.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "model/ops/reorder.h"
#include "model/ops/rules.h"

namespace trireme {

std::shared_ptr<const Op> ToLogical::make(AttributeReader& reader) {
  const std::vector<int64_t> dims = reader.integers("shape");
  if (dims.size() != 3)
    throw ConfigError(fmt::format("to_logical: shape is {}, expected CxHxW", fmt::join(dims, "x")));
  return std::make_shared<ToLogical>(Shape(std::span<const int64_t>(dims)));
}

Attributes ToLogical::attributes() const {
  return {{"shape", std::vector<int64_t>(image_.dims().begin(), image_.dims().end())}};
}

Shape ToLogical::infer(std::span<const Shape> inputs) const {
  require_inputs("to_logical", inputs, 1);
  if (inputs[0].elements() != image_.elements())
    throw ShapeError(fmt::format("to_logical: {} is no image {}", inputs[0].str(), image_.str()));
  return {image_.elements()};
}

std::unique_ptr<Lowered> ToLogical::lower(LowerContext& context) const {
  const Matrix m = matrix_of(image_);
  return lower_reorder(context, m.rows, m.cols);
}

Cost ToLogical::cost(std::span<const Shape> inputs) const {
  return {0, traffic(inputs, infer(inputs))};
}

}  // namespace trireme
