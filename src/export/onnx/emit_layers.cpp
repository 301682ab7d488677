// Layers with weights, and pooling.
#include "export/onnx/emit.h"

namespace trireme {
namespace {

// ONNX pads as {top, left, bottom, right}.
std::array<int64_t, 4> both_sides(const std::array<int64_t, 2>& padding) {
  return {padding[0], padding[1], padding[0], padding[1]};
}

OnnxNode emit_pool(EmitContext& c, std::string_view op_type) {
  OnnxNode node = c.onnx.node(op_type, c.layer.name, c.inputs, c.output);
  node.integers("kernel_shape", c.pair("size"));
  node.integers("strides", c.pair("stride"));
  node.integers("pads", both_sides(c.pair("padding")));
  return node;
}

// Gemm takes matrices only: a sample of rows [T, in] is multiplied by MatMul with the transposed
// weight.
void emit_dense_rows(EmitContext& c) {
  const std::string& name = c.layer.name;
  const std::string bias = c.slot("bias");
  const std::string product = bias.empty() ? c.output : name + "/matmul";
  c.onnx.node("Transpose", name + "/transpose", {c.slot("weight")}, name + "/transpose")
      .integers("perm", std::array<int64_t, 2>{1, 0});
  c.onnx.node("MatMul", bias.empty() ? name : product, {c.inputs[0], name + "/transpose"}, product);
  if (!bias.empty()) c.onnx.node("Add", name, {product, bias}, c.output);
}

}  // namespace

void emit_dense(EmitContext& c) {
  if (c.input_shape(0).rank() != 1) return emit_dense_rows(c);
  std::vector<std::string> inputs = {c.inputs[0], c.slot("weight")};
  if (const std::string bias = c.slot("bias"); !bias.empty()) inputs.push_back(bias);
  c.onnx.node("Gemm", c.layer.name, inputs, c.output).integer("transB", 1);
}

void emit_conv2d(EmitContext& c) {
  std::vector<std::string> inputs = {c.inputs[0], c.slot("weight")};
  if (const std::string bias = c.slot("bias"); !bias.empty()) inputs.push_back(bias);
  c.onnx.node("Conv", c.layer.name, inputs, c.output)
      .integers("kernel_shape", c.pair("kernel"))
      .integers("strides", c.pair("stride"))
      .integers("pads", both_sides(c.pair("padding")))
      .integers("dilations", c.pair("dilation"))
      .integer("group", c.integer("groups"));
}

void emit_max_pool2d(EmitContext& c) { emit_pool(c, "MaxPool"); }

void emit_avg_pool2d(EmitContext& c) {
  emit_pool(c, "AveragePool").integer("count_include_pad", c.integer("count_include_pad"));
}

void emit_global_avg_pool(EmitContext& c) {
  const std::string& name = c.layer.name;
  if (c.layer.shape.rank() != 1) {
    c.onnx.node("GlobalAveragePool", name, c.inputs, c.output);
    return;
  }
  c.onnx.node("GlobalAveragePool", name + "/pool", c.inputs, name + "/pool");
  c.onnx.node("Flatten", name, {name + "/pool"}, c.output).integer("axis", 1);
}

void emit_batch_norm(EmitContext& c) {
  c.onnx
      .node("BatchNormalization", c.layer.name,
            {c.inputs[0], c.slot("weight"), c.slot("bias"), c.slot("running_mean"),
             c.slot("running_var")},
            c.output)
      .number("epsilon", c.number("epsilon"))
      .number("momentum", 1 - c.number("momentum"));  // ONNX weighs the old value, PyTorch the new
}

void emit_layer_norm(EmitContext& c) {
  c.onnx
      .node("LayerNormalization", c.layer.name, {c.inputs[0], c.slot("weight"), c.slot("bias")},
            c.output)
      .integer("axis", -1)
      .number("epsilon", c.number("epsilon"));
}

}  // namespace trireme
