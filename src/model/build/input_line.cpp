#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "model/build/lines.h"
#include "model/build/options.h"

namespace trireme {
namespace {

constexpr const char* kIdType = "int64";

bool declares_ids(const LayerLine& line) {
  return std::ranges::any_of(line.options, [](const auto& option) {
    return option.first == "dtype" && option.second == kIdType;
  });
}

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

void check_options(const LayerLine& line, Problems& problems) {
  const std::vector<std::string> known = {"dtype"};
  for (const auto& [key, value] : line.options) {
    if (key != "dtype")
      problems.add(line, "an input has no option " + key, did_you_mean(key, known));
    else if (value != "float32" && value != kIdType)
      problems.add(line, fmt::format("dtype={}, but the data is float32", value),
                   "remove dtype; ids are int64");
  }
}

std::optional<Shape> read_shape(const LayerLine& line, Problems& problems) {
  const auto extents = parse_extents(line.op);
  if (extents && extents->size() <= Shape::kMaxRank) return Shape(std::span(*extents));
  problems.add(line, fmt::format("{} is not a shape", line.op), "as 1x28x28 or 64");
  return std::nullopt;
}

// Several inputs: the columns of a flat sample, all of them, in the order of the lines.
void check_columns(std::span<const LayerLine> lines, std::span<const Shape> shapes,
                   const DataShape& data, Problems& problems) {
  std::vector<int64_t> counts;
  double total = 0;  // of extents that a user wrote: an int64 might overflow
  for (size_t i = 0; i < shapes.size(); ++i) {
    const Shape& shape = shapes[i];
    if (shape.rank() > 3)
      problems.add(lines[i], fmt::format("{} has {} extents", shape.str(), shape.rank()),
                   "one of several inputs has up to three");
    counts.push_back(shape.elements());
    total += static_cast<double>(shape.elements());
  }
  if (total == static_cast<double>(data.input.elements())) return;
  problems.add(lines.back(),
               fmt::format("the inputs are {} = {:.0f} values, a sample of the data has {}",
                           fmt::join(counts, " + "), total, data.input.elements()),
               "the input lines share out the columns of a sample, in their order");
}

// Whether this model on this data may have several inputs.
bool several_allowed(const ModelConfig& model, const LayerLine& second, const DataShape& data,
                     Problems& problems) {
  if (!model.preset.empty())
    problems.add(second, "a second input, but presets have one",
                 "remove this line, or write the model as layer lines");
  else if (data.image || data.input.rank() != 1)
    problems.add(second,
                 fmt::format("a second input, but a sample of the data is {}{}",
                             data.image ? "an image " : "", data.input.str()),
                 "several inputs are columns of flat samples; layer = slice takes channels apart");
  else
    return true;
  return false;
}

}  // namespace

const LayerLine* ids_line(const ModelConfig& model) {
  const auto at = std::ranges::find_if(model.inputs, declares_ids);
  return at == model.inputs.end() ? nullptr : &*at;
}

std::vector<LayerLine> dense_lines(const ModelConfig& model) {
  std::vector<LayerLine> lines;
  std::ranges::remove_copy_if(model.inputs, std::back_inserter(lines), declares_ids);
  return lines;
}

void check_ids(const ModelConfig& model, const DataShape& data, Problems& problems) {
  const Shape ids{data.id_features, data.id_values};
  const LayerLine* line = ids_line(model);
  if (!line) {
    if (data.id_features > 0)
      problems.add(
          "the model", fmt::format("no line reads the {} ids of a sample", ids.str()),
          fmt::format("add input = ids: {} dtype=int64, or leave out data.ids", ids.str()));
    return;
  }
  check_options(*line, problems);
  const auto shape = read_shape(*line, problems);
  if (!shape || *shape == ids) return;
  if (data.id_features == 0)
    problems.add(*line, "the data has no ids", "name their columns in data.ids, or remove dtype");
  else
    problems.add(*line,
                 fmt::format("the ids are {}, a sample of the data has {} (features x values)",
                             shape->str(), ids.str()),
                 fmt::format("write input = ids: {} dtype=int64", ids.str()));
}

std::vector<Shape> input_shapes(const ModelConfig& model, const DataShape& data,
                                Problems& problems) {
  const std::vector<LayerLine> lines = dense_lines(model);
  if (lines.empty()) return {data.input};
  if (lines.size() > 1 && !several_allowed(model, lines[1], data, problems)) return {data.input};
  std::vector<Shape> shapes;
  for (const LayerLine& line : lines) {
    check_options(line, problems);
    if (const auto shape = read_shape(line, problems)) shapes.push_back(*shape);
  }
  if (shapes.size() < lines.size()) return {data.input};
  if (shapes.size() > 1)
    check_columns(lines, shapes, data, problems);
  else
    check_fit(lines.front(), shapes.front(), data, problems);
  return shapes;
}

}  // namespace trireme
