// Layers without weights that look at shapes.
#include <array>

#include "export/onnx/emit.h"

namespace trireme {
namespace {

// The axis of channels (images) or features, the batch counted.
int64_t feature_axis(const Shape& sample) { return sample.rank() == 2 ? 2 : 1; }

}  // namespace

void emit_flatten(EmitContext& c) {
  c.onnx.node("Flatten", c.layer.name, c.inputs, c.output).integer("axis", 1);
}

void emit_reshape(EmitContext& c) {
  std::vector<int64_t> dims = {0};  // 0 keeps the batch
  for (int64_t dim : c.layer.shape.dims()) dims.push_back(dim);
  const std::string shape = c.onnx.integers(c.layer.name + "/shape", dims);
  c.onnx.node("Reshape", c.layer.name, {c.inputs[0], shape}, c.output);
}

void emit_add(EmitContext& c) {
  c.onnx.node(c.inputs.size() == 2 ? "Add" : "Sum", c.layer.name, c.inputs, c.output);
}

void emit_concat(EmitContext& c) {
  c.onnx.node("Concat", c.layer.name, c.inputs, c.output)
      .integer("axis", feature_axis(c.layer.shape));
}

void emit_slice(EmitContext& c) {
  const int64_t begin = c.integer("begin");
  const auto one = [&](const char* what, int64_t value) {
    return c.onnx.integers(c.layer.name + "/" + what, std::array<int64_t, 1>{value});
  };
  c.onnx.node("Slice", c.layer.name,
              {c.inputs[0], one("starts", begin), one("ends", begin + c.integer("count")),
               one("axes", feature_axis(c.layer.shape))},
              c.output);
}

void emit_softmax(EmitContext& c) {
  c.onnx.node("Softmax", c.layer.name, c.inputs, c.output)
      .integer("axis", feature_axis(c.layer.shape));
}

}  // namespace trireme
