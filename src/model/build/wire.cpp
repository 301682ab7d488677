#include "model/build/wire.h"

#include <algorithm>

#include "base/error.h"
#include "model/build/layer_table.h"
#include "model/build/lines.h"
#include "model/build/losses.h"
#include "model/build/options.h"

namespace trireme {
namespace {

Source source_of(const LayerLine& line) {
  return line.line > 0 ? Source{line.file, line.line} : Source{};
}

bool has_option(const LayerRule& rule, std::string_view key) {
  for (const auto& option : rule.options)
    if (option.key == key) return true;
  return false;
}

// A depthwise convolution is a convolution with one group per channel.
void set_groups(const LayerRule& rule, const Shape& input, Attributes& attributes) {
  if (rule.op != "depthwise_conv2d") return;
  const int64_t channels =
      input.rank() == 3 ? input[0] : 1;  // the op itself refuses what is no image
  attributes.emplace_back("filters", channels * take_integer(attributes, "multiplier", 1));
  attributes.emplace_back("groups", channels);
}

}  // namespace

// Some line reads the whole dense sample by its name.
bool Wiring::reads_sample() const {
  const auto reads = [](const LayerLine& line) {
    return std::ranges::find(line.from, "input") != line.from.end();
  };
  return std::ranges::any_of(model_.layers, reads) || std::ranges::any_of(model_.losses, reads);
}

void Wiring::add_inputs(std::span<const Shape> shapes, const DataShape& data) {
  const LayerLine* ids = ids_line(model_);
  const bool dense = !ids || model_.inputs.size() > 1 || reads_sample();
  if (dense && data.input.elements() == 0) {
    problems_.add("the model", "reads dense columns, but the data has ids alone",
                  "read the ids with from=ids, or take columns out of data.ids");
    return;
  }
  if (dense) add_dense_inputs(shapes, data);
  if (!ids) return;
  const Shape shape{data.id_features, data.id_values};
  last_ = outputs_["ids"] = graph_.add_input("ids", shape, DType::i64, source_of(*ids));
}

// The dense columns are one field. Several lines are slices of it, reshaped where they are not
// flat.
void Wiring::add_dense_inputs(std::span<const Shape> shapes, const DataShape& data) {
  const std::vector<LayerLine> lines = dense_lines(model_);
  if (lines.size() == 1) {
    const LayerLine& line = lines.front();
    last_ = outputs_[line.name] =
        graph_.add_input(line.name, shapes.front(), DType::f32, source_of(line));
    return;
  }
  const NodeId sample = last_ = outputs_["input"] = graph_.add_input("input", data.input);
  int64_t begin = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    const LayerLine& line = lines[i];
    const auto dims = shapes[i].dims();
    const auto op = make_op("slice", {{"begin", begin}, {"count", shapes[i].elements()}});
    begin += shapes[i].elements();
    if (dims.size() == 1) {
      outputs_[line.name] = graph_.add(line.name, op, {sample}, source_of(line));
      continue;
    }
    const NodeId columns = graph_.add(line.name + "_columns", op, {sample}, source_of(line));
    outputs_[line.name] = graph_.add(
        line.name, make_op("reshape", {{"shape", std::vector<int64_t>(dims.begin(), dims.end())}}),
        {columns}, source_of(line));
  }
}

void Wiring::add_all(std::span<const Shape> inputs, const DataShape& data) {
  add_inputs(inputs, data);
  if (!problems_.empty()) return;
  for (const auto& layer : model_.layers) {
    add_layer(layer);
    if (!problems_.empty()) return;  // shapes behind a missing op mean nothing
  }
  for (const auto& loss : model_.losses) add_loss(loss, data);
}

std::vector<NodeId> Wiring::inputs_of(const LayerLine& line) const {
  if (line.from.empty()) return {last_};
  std::vector<NodeId> inputs;
  for (const auto& name : line.from) inputs.push_back(outputs_.at(name));
  return inputs;
}

std::shared_ptr<const Op> Wiring::make(const LayerLine& line, const std::string& kind,
                                       const Attributes& attributes) {
  try {
    return make_op(kind, attributes);
  } catch (const ConfigError& e) {
    problems_.add(line, e.what(), e.hint());
    return nullptr;
  }
}

void Wiring::add_layer(const LayerLine& line) {
  const LayerRule& rule = *find_layer_rule(line.op, false);
  const std::vector<NodeId> inputs = inputs_of(line);
  Attributes attributes = read_options(line, rule, problems_);
  const std::string activation = take_text(attributes, "activation", "none");
  std::map<std::string, std::string> shared;
  if (const std::string weight = take_text(attributes, "weight", ""); !weight.empty())
    shared["weight"] = weight;
  if (take_integer(attributes, "fixed", 0) != 0) fixed_.push_back(line.name + ".weight");
  if (has_option(rule, "init") && model_.initializer == "keras")
    attributes.emplace_back("initializer", model_.initializer);
  set_groups(rule, graph_.node(inputs.front()).shape, attributes);
  if (rule.kind == "embedding_bag")
    attributes.emplace_back("table", take_text(attributes, "table", line.name));
  if (rule.kind == "add" || rule.kind == "dot_interaction")
    attributes.emplace_back("inputs", static_cast<int64_t>(inputs.size()));
  const auto op = make(line, rule.kind, attributes);
  if (!op) return;
  last_ = graph_.add(line.name, op, inputs, source_of(line), shared);
  if (activation != "none")
    last_ =
        graph_.add(line.name + "_" + activation, make_op(activation, {}), {last_}, source_of(line));
  outputs_[line.name] = last_;
}

void Wiring::add_loss(const LayerLine& line, const DataShape& data) {
  const std::vector<NodeId> inputs = inputs_of(line);
  if (!check_loss(line, graph_.node(inputs.front()), data, problems_)) return;
  const LayerRule& rule = *find_layer_rule(line.op, true);
  Attributes attributes = read_options(line, rule, problems_);
  const auto weight = static_cast<float>(take_number(attributes, "weight", 1));
  if (line.op == "sigmoid_cross_entropy")  // the only loss that takes either
    attributes.emplace_back("targets", data.classes > 0 ? "labels" : "values");
  const auto op = make(line, rule.kind, attributes);
  if (!op) return;
  graph_.add_loss(line.name, op, inputs, line.target.empty() ? "target" : line.target, weight,
                  source_of(line));
}

}  // namespace trireme
