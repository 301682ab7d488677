#include "export/onnx/import.h"

#include <fmt/format.h>

#include "export/onnx/patterns.h"

namespace trireme {
namespace {

// Compares a chain of operators with a pattern, step by step.
class PatternMatch {
 public:
  PatternMatch(OnnxNodes nodes, const Initializers& initializers)
      : nodes_(nodes), initializers_(initializers) {}

  // The value that the pattern reads; nullopt when the operators are something else.
  std::optional<std::string> match(const Pattern& pattern) {
    input_.clear();
    if (nodes_.size() < pattern.steps.size()) return std::nullopt;
    for (size_t i = 0; i < pattern.steps.size(); ++i)
      if (!match_step(pattern.steps[i], *nodes_[i])) return std::nullopt;
    return input_;
  }

 private:
  bool match_step(const PatternStep& step, const onnx::NodeProto& node) {
    if (node.op_type() != step.op_type || node.attribute_size() != 0 || node.output_size() != 1 ||
        node.input_size() != static_cast<int>(step.operands.size()))
      return false;
    for (int i = 0; i < node.input_size(); ++i)
      if (!match_operand(step.operands[static_cast<size_t>(i)], node.input(i))) return false;
    return true;
  }

  bool match_operand(const Operand& operand, const std::string& value) {
    switch (operand.kind) {
      case Operand::Kind::step:
        return value == nodes_[static_cast<size_t>(operand.step)]->output(0);
      case Operand::Kind::constant: {
        const auto found = initializers_.find(value);
        return found != initializers_.end() && found->second.dtype == DType::f32 &&
               found->second.shape.elements() == 1 && found->second.floats()[0] == operand.value;
      }
      case Operand::Kind::input:
        if (initializers_.contains(value)) return false;
        if (input_.empty()) input_ = value;
        return input_ == value;
    }
    return false;
  }

  OnnxNodes nodes_;
  const Initializers& initializers_;
  std::string input_;
};

}  // namespace

ImportedLayer start_layer(const NodeReader& node, std::string kind) {
  ImportedLayer layer;
  layer.name = node.name();
  layer.output = node.proto().output(0);
  layer.kind = std::move(kind);
  layer.inputs.assign(node.proto().input().begin(), node.proto().input().end());
  return layer;
}

const HostTensor& require_initializer(const NodeReader& node, int i,
                                      const Initializers& initializers) {
  const auto found = initializers.find(node.proto().input(i));
  if (found == initializers.end())
    node.fail(fmt::format("input {} ({}) is computed; it must be an initializer", i,
                          node.proto().input(i)));
  return found->second;
}

std::optional<ImportedLayer> import_composed(OnnxNodes nodes, const Initializers& initializers) {
  for (const Pattern& pattern : composed_activations()) {
    const auto input = PatternMatch(nodes, initializers).match(pattern);
    if (!input) continue;
    const onnx::NodeProto& last = *nodes[pattern.steps.size() - 1];
    const bool silu = pattern.name == "silu";
    ImportedLayer layer = start_layer(NodeReader(last), silu ? "silu" : "gelu");
    layer.inputs = {*input};
    layer.operators = pattern.steps.size();
    if (!silu)
      layer.attributes = {
          {"approximate", std::string(pattern.name == "gelu_tanh" ? "tanh" : "none")}};
    return layer;
  }
  return std::nullopt;
}

ImportedLayer import_layer(OnnxNodes nodes, const Initializers& initializers) {
  NodeReader first(*nodes[0]);
  if (!first.proto().domain().empty() && first.proto().domain() != "ai.onnx")
    first.fail(fmt::format("the operator domain {} is not supported", first.proto().domain()));
  for (const auto import : {import_tables, import_composed, import_weighted, import_plain})
    if (auto layer = import(nodes, initializers)) return *layer;
  first.fail("this operator is not supported",
             "the reader knows what `trireme export` writes; see docs/export.md");
}

}  // namespace trireme
