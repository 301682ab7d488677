#pragma once
// Activations that ONNX (opset 17) has no operator for, as short chains of operators. The writer
// spells them, the reader recognises them: both from this table.

#include <span>
#include <string_view>
#include <vector>

namespace trireme {

// One operand of a step: the activation's input, an earlier step's result, or a scalar constant.
struct Operand {
  enum class Kind { input, step, constant } kind = Kind::input;
  int step = 0;
  float value = 0;
};

struct PatternStep {
  std::string_view op_type, suffix;  // the node is called LAYER/suffix; the last one LAYER
  std::vector<Operand> operands;
};

struct Pattern {
  std::string_view name;  // "gelu_erf", "gelu_tanh", "silu"
  std::vector<PatternStep> steps;
};

// gelu_erf:  x * (1 + erf(x / sqrt(2))) * 0.5
// gelu_tanh: x * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) * 0.5
// silu:      x * sigmoid(x)
std::span<const Pattern> composed_activations();
const Pattern& composed_activation(std::string_view name);

}  // namespace trireme
