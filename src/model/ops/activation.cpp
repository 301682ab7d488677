#include "model/ops/activation.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/ops/rules.h"

namespace trireme {
namespace {

constexpr double kLeakySlope = 0.01;  // torch.nn.LeakyReLU's default

std::string_view name_of(Activation activation) {
  switch (activation) {
    case Activation::none:
      return "none";
    case Activation::relu:
      return "relu";
    case Activation::leaky_relu:
      return "leaky_relu";
    case Activation::gelu_erf:
    case Activation::gelu_tanh:
      return "gelu";
    case Activation::silu:
      return "silu";
    case Activation::sigmoid:
      return "sigmoid";
    case Activation::tanh:
      return "tanh";
  }
  return "none";
}

// The derivative is taken from y, which needs a slope that keeps the sign.
double read_alpha(AttributeReader& reader) {
  const double alpha = reader.number("alpha", kLeakySlope);
  if (!(alpha > 0))
    throw ConfigError(
        fmt::format("{}: alpha is {}, expected a slope above 0", reader.kind(), alpha),
        "relu is the slope 0");
  return alpha;
}

Activation by_name(std::string_view name) {
  for (Activation a : {Activation::relu, Activation::leaky_relu, Activation::silu,
                       Activation::sigmoid, Activation::tanh})
    if (name == name_of(a)) return a;
  return Activation::none;
}

class LoweredActivation final : public Lowered {
 public:
  LoweredActivation(LowerContext& context, Activation activation, double alpha)
      : k_(context.kernels()),
        activation_(activation),
        alpha_(static_cast<float>(alpha)),
        elements_(context.samples() * context.output_shape().elements()),
        from_output_(is_epilogue(activation)),
        x_(from_output_ ? context.input(0) : context.saved_input(0)),
        y_(from_output_ ? context.saved_output() : context.output()),
        dy_(context.output_grad()),
        dx_(dy_ ? context.input_grad(0) : Ref{}),
        write_(dx_ ? context.input_grad_write(0) : Write::set) {}

  Status forward(const Frame& f) const noexcept override {
    return k_.activation_forward(f.stream, activation_, alpha_, elements_, f.at(x_), f.at(y_));
  }
  Status backward(const Frame& f) const noexcept override {
    if (!dx_) return Status::ok;
    return k_.activation_backward(f.stream, activation_, alpha_, elements_,
                                  from_output_ ? nullptr : f.at(x_),
                                  from_output_ ? f.at(y_) : nullptr, f.at(dy_), f.at(dx_), write_);
  }

 private:
  const KernelTable& k_;
  Activation activation_;
  float alpha_;
  int64_t elements_;
  bool from_output_;
  Ref x_, y_, dy_, dx_;
  Write write_;
};

}  // namespace

bool is_epilogue(Activation activation) {
  return activation == Activation::relu || activation == Activation::leaky_relu ||
         activation == Activation::sigmoid || activation == Activation::tanh;
}

std::shared_ptr<const Op> ActivationOp::make(AttributeReader& reader) {
  if (reader.kind() == "gelu") {
    const bool tanh = reader.choice("approximate", "none", {"none", "tanh"}) == "tanh";
    return std::make_shared<ActivationOp>(tanh ? Activation::gelu_tanh : Activation::gelu_erf);
  }
  const Activation activation = by_name(reader.kind());
  const double alpha = activation == Activation::leaky_relu ? read_alpha(reader) : 0;
  return std::make_shared<ActivationOp>(activation, alpha);
}

std::string_view ActivationOp::kind() const { return name_of(activation_); }

Attributes ActivationOp::attributes() const {
  if (activation_ == Activation::leaky_relu) return {{"alpha", alpha_}};
  if (activation_ == Activation::gelu_erf) return {{"approximate", std::string("none")}};
  if (activation_ == Activation::gelu_tanh) return {{"approximate", std::string("tanh")}};
  return {};
}

Shape ActivationOp::infer(std::span<const Shape> inputs) const {
  require_inputs(kind(), inputs, 1);
  return inputs[0];
}

std::unique_ptr<Lowered> ActivationOp::lower(LowerContext& context) const {
  return std::make_unique<LoweredActivation>(context, activation_, alpha_);
}

Cost ActivationOp::cost(std::span<const Shape> inputs) const {
  const bool cheap = activation_ == Activation::relu || activation_ == Activation::leaky_relu;
  return {static_cast<double>(inputs[0].elements()) * (cheap ? 1 : 10), traffic(inputs, inputs[0])};
}

FusedActivation read_fused_activation(AttributeReader& reader) {
  const std::string name =
      reader.choice("activation", "none", {"none", "relu", "leaky_relu", "sigmoid", "tanh"});
  FusedActivation fused{by_name(name), 0};
  fused.alpha =
      fused.kind == Activation::leaky_relu ? read_alpha(reader) : reader.number("alpha", 0);
  return fused;
}

void append(Attributes& attributes, const FusedActivation& fused) {
  attributes.emplace_back("activation", std::string(name_of(fused.kind)));
  if (fused.kind == Activation::leaky_relu) attributes.emplace_back("alpha", fused.alpha);
}

}  // namespace trireme
