// Operators with weights.
#include <fmt/format.h>

#include "export/onnx/import.h"

namespace trireme {
namespace {

// Symmetric padding {top, left, bottom, right} as {height, width}.
std::vector<int64_t> read_padding(NodeReader& node) {
  const std::vector<int64_t> pads = node.integers("pads", {0, 0, 0, 0});
  if (pads.size() != 4 || pads[0] != pads[2] || pads[1] != pads[3])
    node.fail(fmt::format("pads are {}; only the same on both sides of two axes is supported",
                          fmt::join(pads, ",")));
  return {pads[0], pads[1]};
}

std::vector<int64_t> read_pair(NodeReader& node, std::string_view name,
                               std::vector<int64_t> fallback) {
  std::vector<int64_t> pair = node.integers(name, std::move(fallback));
  if (pair.size() != 2)
    node.fail(
        fmt::format("{} has {} values; only two (height, width) are supported", name, pair.size()));
  return pair;
}

// The first input is the layer's; the others are weights.
ImportedLayer start(NodeReader& node, std::string kind) {
  ImportedLayer layer = start_layer(node, std::move(kind));
  layer.inputs.resize(1);
  return layer;
}

// Names the initializers of inputs 1, 2, ... as the slots `suffixes`.
void add_weights(ImportedLayer& layer, const NodeReader& node, const Initializers& initializers,
                 std::initializer_list<const char*> suffixes) {
  int i = 1;
  for (const char* suffix : suffixes) {
    if (i >= node.proto().input_size()) return;
    require_initializer(node, i, initializers);
    layer.weights.emplace_back(suffix, node.proto().input(i++));
  }
}

int64_t rows_of(const NodeReader& node, const HostTensor& weight, int rank) {
  if (weight.shape.rank() != rank)
    node.fail(fmt::format("the weight is {}, expected {} axes", weight.shape.str(), rank));
  return weight.shape[0];
}

ImportedLayer import_gemm(NodeReader& node, const Initializers& initializers) {
  node.expect_inputs(2, 3);
  if (node.number("alpha", 1) != 1 || node.number("beta", 1) != 1)
    node.fail("alpha and beta other than 1 are not supported");
  node.expect("transA", 0, 0);
  node.expect("transB", 1, 0);
  ImportedLayer layer = start(node, "dense");
  add_weights(layer, node, initializers, {"weight", "bias"});
  layer.attributes = {{"units", rows_of(node, require_initializer(node, 1, initializers), 2)},
                      {"bias", int64_t{node.proto().input_size() == 3}}};
  return layer;
}

// Transpose(weight), MatMul and perhaps Add: a dense layer over rows.
std::optional<ImportedLayer> import_dense_rows(OnnxNodes nodes, const Initializers& initializers) {
  NodeReader transpose(*nodes[0]);
  if (!initializers.contains(transpose.proto().input(0))) return std::nullopt;
  transpose.expect_inputs(1, 1);
  if (transpose.integers("perm", {1, 0}) != std::vector<int64_t>{1, 0})
    transpose.fail("only the transpose of a matrix is supported");
  transpose.finish();
  if (nodes.size() < 2 || nodes[1]->op_type() != "MatMul") return std::nullopt;
  NodeReader product(*nodes[1]);
  product.expect_inputs(2, 2);
  if (product.proto().input(1) != transpose.proto().output(0)) return std::nullopt;
  ImportedLayer layer = start(product, "dense");
  layer.weights = {{"weight", transpose.proto().input(0)}};
  layer.operators = 2;
  const auto bias = [&]() -> const onnx::NodeProto* {
    if (nodes.size() < 3 || nodes[2]->op_type() != "Add" || nodes[2]->input_size() != 2 ||
        nodes[2]->input(0) != layer.output || !initializers.contains(nodes[2]->input(1)))
      return nullptr;
    return nodes[2];
  }();
  if (bias) {
    layer.name = NodeReader(*bias).name();
    layer.output = bias->output(0);
    layer.weights.emplace_back("bias", bias->input(1));
    layer.operators = 3;
  }
  const HostTensor& weight = initializers.find(transpose.proto().input(0))->second;
  layer.attributes = {{"units", rows_of(transpose, weight, 2)}, {"bias", int64_t{bias != nullptr}}};
  return layer;
}

ImportedLayer import_conv(NodeReader& node, const Initializers& initializers) {
  node.expect_inputs(2, 3);
  ImportedLayer layer = start(node, "conv2d");
  const HostTensor& weight = require_initializer(node, 1, initializers);
  const int64_t filters = rows_of(node, weight, 4);
  const std::vector<int64_t> kernel = {weight.shape[2], weight.shape[3]};
  if (read_pair(node, "kernel_shape", kernel) != kernel)
    node.fail(fmt::format("kernel_shape differs from the weight's {}", weight.shape.str()));
  add_weights(layer, node, initializers, {"weight", "bias"});
  layer.attributes = {{"filters", filters},
                      {"kernel", kernel},
                      {"stride", read_pair(node, "strides", {1, 1})},
                      {"padding", read_padding(node)},
                      {"dilation", read_pair(node, "dilations", {1, 1})},
                      {"groups", node.integer("group", 1)},
                      {"bias", int64_t{node.proto().input_size() == 3}}};
  return layer;
}

ImportedLayer import_batch_norm(NodeReader& node, const Initializers& initializers) {
  node.expect_inputs(5, 5);
  node.expect("training_mode", 0, 0);
  ImportedLayer layer = start(node, "batch_norm");
  add_weights(layer, node, initializers, {"weight", "bias", "running_mean", "running_var"});
  layer.attributes = {{"epsilon", node.number("epsilon", 1e-5)}};
  node.number("momentum", 0.9);  // matters to training alone
  return layer;
}

ImportedLayer import_layer_norm(NodeReader& node, const Initializers& initializers) {
  node.expect_inputs(3, 3);
  node.expect("axis", -1, -1);
  node.expect("stash_type", 1, 1);
  ImportedLayer layer = start(node, "layer_norm");
  add_weights(layer, node, initializers, {"weight", "bias"});
  layer.attributes = {{"epsilon", node.number("epsilon", 1e-5)}};
  return layer;
}

ImportedLayer import_pool(NodeReader& node, std::string kind) {
  node.expect_inputs(1, 1);
  ImportedLayer layer = start(node, std::move(kind));
  node.expect("ceil_mode", 0, 0);
  const std::vector<int64_t> size = read_pair(node, "kernel_shape", {});
  layer.attributes = {{"size", size},
                      {"stride", read_pair(node, "strides", {1, 1})},
                      {"padding", read_padding(node)}};
  if (layer.kind == "avg_pool2d")
    layer.attributes.emplace_back("count_include_pad", node.integer("count_include_pad", 0));
  else if (node.integers("dilations", {1, 1}) != std::vector<int64_t>{1, 1})
    node.fail("dilations are not supported");
  return layer;
}

}  // namespace

std::optional<ImportedLayer> import_weighted(OnnxNodes nodes, const Initializers& initializers) {
  NodeReader node(*nodes[0]);
  const std::string& type = node.proto().op_type();
  if (type == "Transpose") return import_dense_rows(nodes, initializers);
  std::optional<ImportedLayer> layer;
  if (type == "Gemm")
    layer = import_gemm(node, initializers);
  else if (type == "Conv")
    layer = import_conv(node, initializers);
  else if (type == "BatchNormalization")
    layer = import_batch_norm(node, initializers);
  else if (type == "LayerNormalization")
    layer = import_layer_norm(node, initializers);
  else if (type == "MaxPool")
    layer = import_pool(node, "max_pool2d");
  else if (type == "AveragePool")
    layer = import_pool(node, "avg_pool2d");
  if (layer) node.finish();
  return layer;
}

}  // namespace trireme
