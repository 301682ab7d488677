// Layers of recommenders, each several operators. Their names say which layer it may be; it is one
// where the writer would have written the same operators.
#include <fmt/format.h>

#include <cmath>

#include "export/onnx/emit.h"
#include "export/onnx/import.h"
#include "model/build.h"

namespace trireme {
namespace {

constexpr char kResult[] = "/result";  // no value of a file is called so

struct Guess {
  std::string name, kind;
  Attributes attributes;
  struct Input {
    Shape shape;
    DType dtype;
  };
  std::vector<Input> inputs;       // that make the shapes of the layer right
  std::vector<std::string> reads;  // what its operators read
  int64_t table_rows = 0;
};

// NAME of an operator NAME/step; empty where its name is another.
std::string layer_of(const onnx::NodeProto& node, std::string_view step) {
  const std::string& name = node.name();
  return name.ends_with(step) ? name.substr(0, name.size() - step.size()) : std::string();
}

// Element i of the int64 initializer; -1 where there is none.
int64_t element(const Initializers& initializers, const std::string& name, int64_t i) {
  const auto found = initializers.find(name);
  if (found == initializers.end() || found->second.dtype != DType::i64) return -1;
  const auto values = found->second.ints();
  return i < static_cast<int64_t>(values.size()) ? values[static_cast<size_t>(i)] : -1;
}

bool same_tensor(const HostTensor& a, const HostTensor& b) {
  return a.shape == b.shape && a.dtype == b.dtype && a.bytes == b.bytes;
}

bool same_operator(const onnx::NodeProto& a, const onnx::NodeProto& b,
                   const Initializers& initializers, const Initializers& emitted) {
  if (a.name() != b.name() || a.op_type() != b.op_type() ||
      a.attribute_size() != b.attribute_size() || a.input_size() != b.input_size() ||
      a.output_size() != 1)
    return false;
  for (int i = 0; i < a.attribute_size(); ++i)
    if (a.attribute(i).SerializeAsString() != b.attribute(i).SerializeAsString()) return false;
  for (int i = 0; i < a.input_size(); ++i) {
    const auto constant = emitted.find(b.input(i));
    if (constant == emitted.end()
            ? a.input(i) != b.input(i)
            : !initializers.contains(a.input(i)) ||
                  !same_tensor(initializers.find(a.input(i))->second, constant->second))
      return false;
  }
  return b.output(0) == kResult || a.output(0) == b.output(0);
}

std::optional<ImportedLayer> confirm(const Guess& guess, OnnxNodes nodes,
                                     const Initializers& initializers) {
  Graph graph;
  std::vector<NodeId> inputs;
  for (const auto& [shape, dtype] : guess.inputs)
    inputs.push_back(graph.add_input(fmt::format("{}", inputs.size()), shape, dtype));
  const NodeId layer = graph.add(guess.name, make_op(guess.kind, guess.attributes), inputs);
  graph.freeze();
  onnx::GraphProto proto;
  OnnxBuilder builder(proto);
  EmitContext context{builder, graph, graph.node(layer), guess.reads, kResult};
  context.table_rows = guess.table_rows;
  emit_layer(context);
  Initializers emitted;
  for (const onnx::TensorProto& tensor : proto.initializer())
    emitted.emplace(tensor.name(), read_tensor(tensor));
  const auto count = static_cast<size_t>(proto.node_size());
  if (nodes.size() < count) return std::nullopt;
  for (size_t i = 0; i < count; ++i)
    if (!same_operator(*nodes[i], proto.node(static_cast<int>(i)), initializers, emitted))
      return std::nullopt;
  ImportedLayer imported;
  imported.name = guess.name;
  imported.output = nodes[count - 1]->output(0);
  imported.kind = guess.kind;
  imported.attributes = guess.attributes;
  imported.inputs = guess.reads;
  imported.operators = count;
  return imported;
}

std::optional<ImportedLayer> import_bag(const std::string& name, OnnxNodes nodes,
                                        const Initializers& initializers) {
  const std::string table = nodes[0]->input(0);
  const auto rows = initializers.find(table);
  const bool named = table.starts_with("table.") && table.ends_with(".rows");
  if (!named || rows == initializers.end() || rows->second.shape.rank() != 2 ||
      rows->second.shape[0] < 1)
    return std::nullopt;
  const int64_t dim = rows->second.shape[1], width = element(initializers, name + "/shape", 1);
  for (const char* mode : {"sum", "mean"})
    for (const bool flat : {true, false}) {
      if (flat && (width < dim || width % dim != 0)) continue;
      const Guess guess{name,
                        "embedding_bag",
                        {{"table", table.substr(6, table.size() - 11)},
                         {"dim", dim},
                         {"mode", std::string(mode)},
                         {"flat", int64_t{flat}}},
                        {{Shape{flat ? width / dim : 1, 1}, DType::i64}},
                        {table, nodes[0]->input(1)},
                        rows->second.shape[0] - 1};
      auto layer = confirm(guess, nodes, initializers);
      if (!layer) continue;
      layer->inputs = {nodes[0]->input(1)};
      return layer;
    }
  return std::nullopt;
}

std::optional<ImportedLayer> import_dots(const std::string& name, bool two, OnnxNodes nodes,
                                         const Initializers& initializers) {
  const int64_t dim =
      two ? element(initializers, name + "/row", 2) : element(initializers, name + "/flat", 1);
  const auto k = static_cast<int64_t>(
      std::sqrt(static_cast<double>(element(initializers, name + "/pairs", 1))) + 0.5);
  if (dim < 1 || k < 1 + two || (two && (nodes.size() < 2 || nodes[1]->input_size() != 2)))
    return std::nullopt;
  Guess guess{name, "dot_interaction", {{"inputs", int64_t{two} + 1}}, {}, {nodes[0]->input(0)}};
  if (two) {
    guess.inputs.push_back({{dim}, DType::f32});
    guess.reads.push_back(nodes[1]->input(1));
  }
  guess.inputs.push_back({{k - two, dim}, DType::f32});
  return confirm(guess, nodes, initializers);
}

std::optional<ImportedLayer> import_cross(const std::string& name, OnnxNodes nodes,
                                          const Initializers& initializers) {
  const onnx::NodeProto& product = *nodes[0];
  if (product.input_size() != 3 || nodes.size() < 2 || nodes[1]->input_size() != 2)
    return std::nullopt;
  const auto weight = initializers.find(product.input(1));
  if (weight == initializers.end() || weight->second.shape.rank() != 2) return std::nullopt;
  const Guess::Input features{{weight->second.shape[1]}, DType::f32};
  const Guess guess{
      name, "cross", {}, {features, features}, {nodes[1]->input(0), product.input(0)}};
  auto layer = confirm(guess, nodes, initializers);
  if (layer) layer->weights = {{"weight", product.input(1)}, {"bias", product.input(2)}};
  return layer;
}

std::optional<ImportedLayer> import_machine(const std::string& name, OnnxNodes nodes,
                                            const Initializers& initializers) {
  for (const bool reduce : {true, false}) {
    const Guess guess{name,
                      "factorization_machine",
                      {{"reduce", int64_t{reduce}}},
                      {{{2, 2}, DType::f32}},
                      {nodes[0]->input(0)}};
    if (auto layer = confirm(guess, nodes, initializers)) return layer;
  }
  return std::nullopt;
}

}  // namespace

std::optional<ImportedLayer> import_tables(OnnxNodes nodes, const Initializers& initializers) {
  const onnx::NodeProto& first = *nodes[0];
  if (first.input_size() < 2) return std::nullopt;
  const auto is = [&](const char* type, std::string_view step) {
    return first.op_type() == type ? layer_of(first, step) : std::string();
  };
  if (const auto name = is("Gather", "/gather"); !name.empty())
    return import_bag(name, nodes, initializers);
  if (const auto name = is("Reshape", "/first"); !name.empty())
    return import_dots(name, true, nodes, initializers);
  if (const auto name = is("Slice", "/first_row"); !name.empty())
    return import_dots(name, false, nodes, initializers);
  if (const auto name = is("Gemm", "/product"); !name.empty())
    return import_cross(name, nodes, initializers);
  if (const auto name = is("ReduceSum", "/sum"); !name.empty())
    return import_machine(name, nodes, initializers);
  return std::nullopt;
}

}  // namespace trireme
