#include "export/onnx/patterns.h"

#include <stdexcept>

namespace trireme {
namespace {

const Operand kX{};
Operand step(int i) { return {Operand::Kind::step, i, 0}; }
Operand constant(float value) { return {Operand::Kind::constant, 0, value}; }

std::vector<Pattern> make_patterns() {
  const float sqrt2 = 1.41421356237309504880f, sqrt_2_over_pi = 0.79788456080286535588f;
  return {{"gelu_erf",
           {{"Div", "scaled", {kX, constant(sqrt2)}},
            {"Erf", "erf", {step(0)}},
            {"Add", "shifted", {step(1), constant(1)}},
            {"Mul", "gated", {kX, step(2)}},
            {"Mul", "", {step(3), constant(0.5f)}}}},
          {"gelu_tanh",
           {{"Mul", "square", {kX, kX}},
            {"Mul", "cube", {step(0), kX}},
            {"Mul", "cubic", {step(1), constant(0.044715f)}},
            {"Add", "sum", {kX, step(2)}},
            {"Mul", "scaled", {step(3), constant(sqrt_2_over_pi)}},
            {"Tanh", "tanh", {step(4)}},
            {"Add", "shifted", {step(5), constant(1)}},
            {"Mul", "gated", {kX, step(6)}},
            {"Mul", "", {step(7), constant(0.5f)}}}},
          {"silu", {{"Sigmoid", "gate", {kX}}, {"Mul", "", {kX, step(0)}}}}};
}

}  // namespace

std::span<const Pattern> composed_activations() {
  static const std::vector<Pattern> patterns = make_patterns();
  return patterns;
}

const Pattern& composed_activation(std::string_view name) {
  for (const Pattern& pattern : composed_activations())
    if (pattern.name == name) return pattern;
  throw std::logic_error("no such pattern");
}

}  // namespace trireme
