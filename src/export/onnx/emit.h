#pragma once
// How each kind of layer is spelled in ONNX. One entry per kind; a layer may become several
// operators, of which the last carries the layer's name.

#include <string>
#include <string_view>
#include <vector>

#include "export/onnx/builder.h"
#include "model/graph.h"

namespace trireme {

// One layer being written. `inputs`: names of the values it reads; it must produce the value
// `output`.
struct EmitContext {
  OnnxBuilder& onnx;
  const Graph& graph;
  const Node& layer;
  std::vector<std::string> inputs;
  std::string output;

  // The initializer of this layer's parameter or running statistic; empty when it has none.
  std::string slot(std::string_view suffix) const;
  const Shape& input_shape(int i) const;  // of one sample
  int64_t table_rows = 0;                 // of the layer's table, without the row of zeros
  // Shorthand for the attributes of the layer's op.
  int64_t integer(std::string_view key) const;
  double number(std::string_view key) const;
  std::string text(std::string_view key) const;
  std::array<int64_t, 2> pair(std::string_view key) const;
};

// Writes the layer, and the activation that it applies to its result, as an operator of its own.
// Throws FormatError for a kind that has no ONNX spelling.
void emit_layer(EmitContext&);
// Kinds that do nothing at inference: their value is their input's.
bool is_transparent(std::string_view kind);

// The kinds, by family.
void emit_dense(EmitContext&);
void emit_conv2d(EmitContext&);
void emit_max_pool2d(EmitContext&);
void emit_avg_pool2d(EmitContext&);
void emit_global_avg_pool(EmitContext&);
void emit_batch_norm(EmitContext&);
void emit_layer_norm(EmitContext&);
void emit_flatten(EmitContext&);
void emit_reshape(EmitContext&);
void emit_add(EmitContext&);
void emit_concat(EmitContext&);
void emit_slice(EmitContext&);
// inputs: the table's rows with one of zeros after them, and their numbers.
void emit_embedding_bag(EmitContext&);
void emit_dot_interaction(EmitContext&);
void emit_cross(EmitContext&);
void emit_factorization_machine(EmitContext&);
void emit_softmax(EmitContext&);
void emit_leaky_relu(EmitContext&);
void emit_gelu(EmitContext&);

}  // namespace trireme
