// What recommenders are made of.
#include <array>

#include "export/onnx/emit.h"

namespace trireme {

// Gather, then a sum over the ids of a feature. The number of a row that is not there is that of
// the zeros; a mean divides by how many are there.
void emit_embedding_bag(EmitContext& c) {
  const std::string& name = c.layer.name;
  const std::string &rows = c.inputs[0], &numbers = c.inputs[1];
  const bool mean = c.text("mode") == "mean", flat = c.integer("flat") != 0;
  const std::string axis = c.onnx.integers(name + "/values_axis", std::array<int64_t, 1>{2});
  c.onnx.node("Gather", name + "/gather", {rows, numbers}, name + "/gather").integer("axis", 0);
  std::string pooled = mean || flat ? name + "/sum" : c.output;
  c.onnx.node("ReduceSum", mean || flat ? pooled : name, {name + "/gather", axis}, pooled)
      .integer("keepdims", 0);
  if (mean) {
    const std::string zeros =
        c.onnx.integers(name + "/zeros", std::array<int64_t, 1>{c.table_rows});
    const std::string count = name + "/count", result = flat ? name + "/mean" : c.output;
    c.onnx.node("Less", name + "/present", {numbers, zeros}, name + "/present");
    c.onnx.node("Cast", name + "/ones", {name + "/present"}, name + "/ones").integer("to", 1);
    c.onnx.node("ReduceSum", count, {name + "/ones", axis}, count).integer("keepdims", 1);
    c.onnx.node("Max", name + "/divisor", {count, c.onnx.scalar(name + "/one", 1)},
                name + "/divisor");
    c.onnx.node("Div", flat ? result : name, {pooled, name + "/divisor"}, result);
    pooled = result;
  }
  if (flat)
    c.onnx.node("Reshape", name,
                {pooled, c.onnx.integers(name + "/shape",
                                         std::array<int64_t, 2>{0, c.layer.shape.elements()})},
                c.output);
}

// All vectors times all vectors, of which the lower triangle is gathered.
void emit_dot_interaction(EmitContext& c) {
  const std::string& name = c.layer.name;
  const bool two = c.inputs.size() == 2;
  const Shape& x = c.input_shape(two ? 1 : 0);
  const int64_t k = x[0] + (two ? 1 : 0), dim = x[1];
  std::string vectors = c.inputs.back(), first = c.inputs[0];
  if (two) {
    const std::string shape = c.onnx.integers(name + "/row", std::array<int64_t, 3>{0, 1, dim});
    c.onnx.node("Reshape", name + "/first", {c.inputs[0], shape}, name + "/first");
    vectors = name + "/vectors";
    c.onnx.node("Concat", vectors, {name + "/first", c.inputs[1]}, vectors).integer("axis", 1);
  } else {
    const auto one = [&](const char* what, int64_t v) {
      return c.onnx.integers(name + what, std::array<int64_t, 1>{v});
    };
    c.onnx.node("Slice", name + "/first_row",
                {vectors, one("/begin", 0), one("/end", 1), one("/axis", 1)}, name + "/first_row");
    first = name + "/first";
    c.onnx.node(
        "Reshape", first,
        {name + "/first_row", c.onnx.integers(name + "/flat", std::array<int64_t, 2>{0, dim})},
        first);
  }
  c.onnx.node("Transpose", name + "/transpose", {vectors}, name + "/transpose")
      .integers("perm", std::array<int64_t, 3>{0, 2, 1});
  c.onnx.node("MatMul", name + "/products", {vectors, name + "/transpose"}, name + "/products");
  c.onnx.node(
      "Reshape", name + "/all",
      {name + "/products", c.onnx.integers(name + "/pairs", std::array<int64_t, 2>{0, k * k})},
      name + "/all");
  std::vector<int64_t> lower;
  for (int64_t i = 1; i < k; ++i)
    for (int64_t j = 0; j < i; ++j) lower.push_back(i * k + j);
  c.onnx
      .node("Gather", name + "/lower", {name + "/all", c.onnx.integers(name + "/triangle", lower)},
            name + "/lower")
      .integer("axis", 1);
  c.onnx.node("Concat", name, {first, name + "/lower"}, c.output).integer("axis", 1);
}

void emit_cross(EmitContext& c) {
  const std::string& name = c.layer.name;
  c.onnx
      .node("Gemm", name + "/product", {c.inputs[1], c.slot("weight"), c.slot("bias")},
            name + "/product")
      .integer("transB", 1);
  c.onnx.node("Mul", name + "/crossed", {c.inputs[0], name + "/product"}, name + "/crossed");
  c.onnx.node("Add", name, {name + "/crossed", c.inputs[1]}, c.output);
}

void emit_factorization_machine(EmitContext& c) {
  const std::string& name = c.layer.name;
  const bool reduce = c.integer("reduce") != 0;
  const std::string rows = c.onnx.integers(name + "/rows_axis", std::array<int64_t, 1>{1});
  const auto op = [&](const char* type, const std::string& step, std::vector<std::string> in) {
    c.onnx.node(type, name + step, in, name + step);
    return name + step;
  };
  const auto sum = [&](const std::string& step, const std::string& x) {
    c.onnx.node("ReduceSum", name + step, {x, rows}, name + step).integer("keepdims", 0);
    return name + step;
  };
  const std::string total = sum("/sum", c.inputs[0]);
  const std::string squared = op("Mul", "/squared_sum", {total, total});
  const std::string squares =
      sum("/sum_of_squares", op("Mul", "/squares", {c.inputs[0], c.inputs[0]}));
  const std::string pairs = op("Sub", "/difference", {squared, squares});
  const std::string half = c.onnx.scalar(name + "/half", 0.5f);
  if (!reduce) {
    c.onnx.node("Mul", name, {pairs, half}, c.output);
    return;
  }
  const std::string halves = op("Mul", "/halves", {pairs, half});
  c.onnx.node("ReduceSum", name, {halves, rows}, c.output).integer("keepdims", 1);
}

}  // namespace trireme
