#include "export/onnx/emit.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <utility>

#include "base/error.h"
#include "export/attributes.h"
#include "export/onnx/patterns.h"

namespace trireme {
namespace {

// y = f(x) by one operator without attributes.
void emit_relu(EmitContext& c) { c.onnx.node("Relu", c.layer.name, c.inputs, c.output); }
void emit_sigmoid(EmitContext& c) { c.onnx.node("Sigmoid", c.layer.name, c.inputs, c.output); }
void emit_tanh(EmitContext& c) { c.onnx.node("Tanh", c.layer.name, c.inputs, c.output); }

void emit_composed(EmitContext& c, std::string_view pattern_name) {
  const Pattern& pattern = composed_activation(pattern_name);
  std::vector<std::string> results;
  for (const PatternStep& step : pattern.steps) {
    const std::string name =
        step.suffix.empty() ? c.layer.name : c.layer.name + "/" + std::string(step.suffix);
    std::vector<std::string> operands;
    for (const Operand& operand : step.operands) {
      switch (operand.kind) {
        case Operand::Kind::input:
          operands.push_back(c.inputs[0]);
          break;
        case Operand::Kind::step:
          operands.push_back(results[static_cast<size_t>(operand.step)]);
          break;
        case Operand::Kind::constant:
          operands.push_back(c.onnx.scalar(name + "/constant", operand.value));
          break;
      }
    }
    const std::string output = step.suffix.empty() ? c.output : name;
    c.onnx.node(step.op_type, name, operands, output);
    results.push_back(output);
  }
}

void emit_silu(EmitContext& c) { emit_composed(c, "silu"); }

using Emitter = void (*)(EmitContext&);

// Null for a kind that has no ONNX spelling.
Emitter find_emitter(std::string_view kind) {
  static const std::map<std::string_view, Emitter> emitters = {
      {"dense", emit_dense},
      {"conv2d", emit_conv2d},
      {"max_pool2d", emit_max_pool2d},
      {"avg_pool2d", emit_avg_pool2d},
      {"global_avg_pool", emit_global_avg_pool},
      {"batch_norm", emit_batch_norm},
      {"layer_norm", emit_layer_norm},
      {"flatten", emit_flatten},
      {"reshape", emit_reshape},
      {"add", emit_add},
      {"concat", emit_concat},
      {"slice", emit_slice},
      {"softmax", emit_softmax},
      {"embedding_bag", emit_embedding_bag},
      {"dot_interaction", emit_dot_interaction},
      {"cross", emit_cross},
      {"factorization_machine", emit_factorization_machine},
      {"relu", emit_relu},
      {"leaky_relu", emit_leaky_relu},
      {"gelu", emit_gelu},
      {"silu", emit_silu},
      {"sigmoid", emit_sigmoid},
      {"tanh", emit_tanh},
  };
  const auto found = emitters.find(kind);
  return found == emitters.end() ? nullptr : found->second;
}

// The attribute `key` where the op has it.
template <class T>
std::optional<T> optional_attribute(const Op& op, std::string_view key) {
  for (const auto& [name, value] : op.attributes())
    if (name == key && std::holds_alternative<T>(value)) return std::get<T>(value);
  return std::nullopt;
}

}  // namespace

void emit_layer(EmitContext& c) {
  const Emitter emit = find_emitter(c.layer.op->kind());
  // Only the program's compiler adds the residual into a batch norm; a model's graph has them
  // apart.
  const bool addend = optional_attribute<int64_t>(*c.layer.op, "addend").value_or(0) != 0;
  if (!emit || addend)
    throw FormatError(fmt::format("ONNX export: layer {} ({}) has no ONNX operator", c.layer.name,
                                  c.layer.op->kind()),
                      "export.formats = safetensors holds any model");
  const std::string activation =
      optional_attribute<std::string>(*c.layer.op, "activation").value_or("none");
  if (activation == "none") return emit(c);
  const std::string result = std::exchange(c.output, c.layer.name + "/linear");
  emit(c);
  static const std::map<std::string_view, std::string_view> types = {
      {"relu", "Relu"}, {"leaky_relu", "LeakyRelu"}, {"sigmoid", "Sigmoid"}, {"tanh", "Tanh"}};
  OnnxNode node = c.onnx.node(types.at(activation), c.layer.name + "/" + activation,
                              {c.layer.name + "/linear"}, result);
  if (activation == "leaky_relu") node.number("alpha", c.number("alpha"));
}

void emit_gelu(EmitContext& c) {
  emit_composed(c, c.text("approximate") == "tanh" ? "gelu_tanh" : "gelu_erf");
}

void emit_leaky_relu(EmitContext& c) {
  c.onnx.node("LeakyRelu", c.layer.name, c.inputs, c.output).number("alpha", c.number("alpha"));
}

bool is_transparent(std::string_view kind) { return kind == "dropout" || kind == "to_logical"; }

std::string EmitContext::slot(std::string_view suffix) const {
  const auto search = [&](const ParamTable& table, const std::vector<int>& indices) -> std::string {
    for (int index : indices) {
      const std::string& name = table.slots()[static_cast<size_t>(index)].name;
      if (name.substr(name.rfind('.') + 1) == suffix) return name;
    }
    return {};
  };
  const std::string param = search(graph.params(), layer.params);
  return param.empty() ? search(graph.state(), layer.state) : param;
}

const Shape& EmitContext::input_shape(int i) const {
  return graph.node(layer.inputs[static_cast<size_t>(i)]).shape;
}

int64_t EmitContext::integer(std::string_view key) const {
  return integer_attribute(layer.op->kind(), layer.op->attributes(), key);
}
double EmitContext::number(std::string_view key) const {
  return number_attribute(layer.op->kind(), layer.op->attributes(), key);
}
std::string EmitContext::text(std::string_view key) const {
  return text_attribute(layer.op->kind(), layer.op->attributes(), key);
}
std::array<int64_t, 2> EmitContext::pair(std::string_view key) const {
  return pair_attribute(layer.op->kind(), layer.op->attributes(), key);
}

}  // namespace trireme
