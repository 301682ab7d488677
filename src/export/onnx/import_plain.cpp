// Operators without weights.
#include <fmt/format.h>

#include <map>

#include "export/onnx/import.h"

namespace trireme {
namespace {

// GlobalAveragePool keeps 1x1 images; our layer gives features, so the Flatten after it belongs to
// it.
ImportedLayer import_global_pool(NodeReader& node, OnnxNodes nodes) {
  node.expect_inputs(1, 1);
  ImportedLayer layer = start_layer(node, "global_avg_pool");
  const bool flattened = nodes.size() > 1 && nodes[1]->op_type() == "Flatten" &&
                         nodes[1]->input_size() == 1 && nodes[1]->input(0) == layer.output;
  if (!flattened) node.fail("GlobalAveragePool is supported only with a Flatten right after it");
  NodeReader flatten(*nodes[1]);
  flatten.expect("axis", 1, 1);
  flatten.finish();
  layer.name = flatten.name();
  layer.output = flatten.proto().output(0);
  layer.operators = 2;
  return layer;
}

ImportedLayer import_reshape(NodeReader& node, const Initializers& initializers) {
  node.expect_inputs(2, 2);
  node.expect("allowzero", 0, 0);
  const HostTensor& shape = require_initializer(node, 1, initializers);
  if (shape.dtype != DType::i64 || shape.ints().size() < 2 || shape.ints()[0] != 0)
    node.fail("only shapes that keep the batch (0, ...) are supported");
  ImportedLayer layer = start_layer(node, "reshape");
  layer.inputs.resize(1);
  layer.attributes = {
      {"shape", std::vector<int64_t>(shape.ints().begin() + 1, shape.ints().end())}};
  return layer;
}

ImportedLayer import_flatten(NodeReader& node) {
  node.expect_inputs(1, 1);
  node.expect("axis", 1, 1);
  return start_layer(node, "flatten");
}

ImportedLayer import_sum(NodeReader& node) {
  node.expect_inputs(2, 1 << 16);
  ImportedLayer layer = start_layer(node, "add");
  layer.attributes = {{"inputs", int64_t{node.proto().input_size()}}};
  return layer;
}

// The axis is checked against the shapes by the reader of the whole graph, through `axis`.
ImportedLayer import_on_axis(NodeReader& node, std::string kind) {
  node.expect_inputs(1, 1 << 16);
  ImportedLayer layer = start_layer(node, std::move(kind));
  layer.axis = node.integer("axis", -1);
  return layer;
}

// The integer that input `i` holds: the reader knows slices of one axis only.
int64_t one_integer(NodeReader& node, int i, const Initializers& initializers) {
  const HostTensor& tensor = require_initializer(node, i, initializers);
  if (tensor.dtype != DType::i64 || tensor.shape.elements() != 1)
    node.fail(
        fmt::format("input {} ({}) must hold one int64: only slices of one axis are supported", i,
                    node.proto().input(i)));
  return tensor.ints()[0];
}

ImportedLayer import_slice(NodeReader& node, const Initializers& initializers) {
  node.expect_inputs(4, 5);
  const int64_t begin = one_integer(node, 1, initializers),
                end = one_integer(node, 2, initializers);
  if (begin < 0 || end <= begin)
    node.fail(fmt::format("the slice {}:{} is not supported; only 0 <= begin < end", begin, end));
  if (node.proto().input_size() == 5 && one_integer(node, 4, initializers) != 1)
    node.fail("only steps of 1 are supported");
  ImportedLayer layer = start_layer(node, "slice");
  layer.inputs.resize(1);
  layer.attributes = {{"begin", begin}, {"count", end - begin}};
  layer.axis = one_integer(node, 3, initializers);
  return layer;
}

ImportedLayer import_activation(NodeReader& node, const std::string& kind) {
  node.expect_inputs(1, 1);
  ImportedLayer layer = start_layer(node, kind);
  if (kind == "leaky_relu") layer.attributes = {{"alpha", node.number("alpha", 0.01)}};
  return layer;
}

}  // namespace

std::optional<ImportedLayer> import_plain(OnnxNodes nodes, const Initializers& initializers) {
  static const std::map<std::string, std::string, std::less<>> activations = {
      {"Relu", "relu"},
      {"LeakyRelu", "leaky_relu"},
      {"Sigmoid", "sigmoid"},
      {"Tanh", "tanh"},
      {"Identity", ""}};
  NodeReader node(*nodes[0]);
  const std::string& type = node.proto().op_type();
  std::optional<ImportedLayer> layer;
  if (const auto found = activations.find(type); found != activations.end())
    layer = import_activation(node, found->second);
  else if (type == "GlobalAveragePool")
    layer = import_global_pool(node, nodes);
  else if (type == "Reshape")
    layer = import_reshape(node, initializers);
  else if (type == "Flatten")
    layer = import_flatten(node);
  else if (type == "Add" || type == "Sum")
    layer = import_sum(node);
  else if (type == "Concat")
    layer = import_on_axis(node, "concat");
  else if (type == "Slice")
    layer = import_slice(node, initializers);
  else if (type == "Softmax")
    layer = import_on_axis(node, "softmax");
  if (layer) node.finish();
  return layer;
}

}  // namespace trireme
