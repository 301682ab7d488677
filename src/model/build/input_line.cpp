#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "model/build/lines.h"
#include "model/build/options.h"

namespace trireme {
namespace {

// Values in the same order in memory: images are channels-last there, so only one channel may be
// reread.
bool single_channel(const Shape& shape, bool image) {
  return !image || shape.rank() != 3 || shape[0] == 1;
}

void check_fit(const LayerLine& line, const Shape& shape, const DataShape& data,
               Problems& problems) {
  if (shape == data.input) return;
  const std::string both =
      fmt::format("the input is {}, a sample of the data is {}", shape.str(), data.input.str());
  if (shape.elements() != data.input.elements()) {
    problems.add(
        line,
        fmt::format("{}: {} values against {}", both, shape.elements(), data.input.elements()),
        "correct the input line or data.channels, data.height, data.width");
  } else if (data.image) {
    problems.add(line, both, "keep the data's shape and add layer = flatten or layer = reshape");
  } else if (!single_channel(shape, shape.rank() == 3)) {
    problems.add(
        line, both + ": flat values have no channels",
        "set data.channels, data.height and data.width, which say how the values are ordered");
  }
}

}  // namespace

Shape input_shape(const ModelConfig& model, const DataShape& data, Problems& problems) {
  if (model.inputs.empty()) return data.input;
  const LayerLine& line = model.inputs.front();
  for (size_t i = 1; i < model.inputs.size(); ++i)
    problems.add(model.inputs[i], "a second input, but the data has one", "remove this line");
  for (const auto& [key, value] : line.options) {
    const std::vector<std::string> known = {"dtype"};
    if (key != "dtype")
      problems.add(line, "an input has no option " + key, did_you_mean(key, known));
    else if (value != "float32")
      problems.add(line, fmt::format("dtype={}, but the data is float32", value), "remove dtype");
  }
  const auto extents = parse_extents(line.op);
  if (!extents || extents->size() > Shape::kMaxRank) {
    problems.add(line, fmt::format("{} is not a shape", line.op), "as 1x28x28 or 64");
    return data.input;
  }
  const Shape shape{std::span<const int64_t>(*extents)};
  check_fit(line, shape, data, problems);
  return shape;
}

}  // namespace trireme
