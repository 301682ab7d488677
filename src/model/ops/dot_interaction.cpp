#include "model/ops/dot_interaction.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/ops/rules.h"

namespace trireme {
namespace {

class LoweredDotInteraction final : public Lowered {
 public:
  LoweredDotInteraction(LowerContext& context, bool two)
      : k_(context.kernels()),
        samples_(context.samples()),
        rows_(context.input_shape(two)[0]),
        dim_(context.input_shape(two)[1]),
        z_(two ? context.saved_input(0) : Ref{}),
        x_(context.saved_input(two)),
        y_(context.output()),
        dy_(context.output_grad()),
        dz_(two && dy_ ? context.input_grad(0) : Ref{}),
        dx_(dy_ ? context.input_grad(two) : Ref{}),
        dz_write_(dz_ ? context.input_grad_write(0) : Write::set),
        dx_write_(dx_ ? context.input_grad_write(two) : Write::set) {}

  Status forward(const Frame& f) const noexcept override {
    return k_.dot_interaction_forward(f.stream, samples_, rows_, dim_, f.at(z_), f.at(x_),
                                      f.at(y_));
  }
  Status backward(const Frame& f) const noexcept override {
    return k_.dot_interaction_backward(f.stream, samples_, rows_, dim_, f.at(z_), f.at(x_),
                                       f.at(dy_), f.at(dz_), dz_write_, f.at(dx_), dx_write_);
  }

 private:
  const KernelTable& k_;
  int64_t samples_, rows_, dim_;
  Ref z_, x_, y_, dy_, dz_, dx_;
  Write dz_write_, dx_write_;
};

}  // namespace

std::shared_ptr<const Op> DotInteraction::make(AttributeReader& reader) {
  const int64_t inputs = reader.integer("inputs", 1, 1);
  if (inputs > 2)
    throw ConfigError(fmt::format("dot_interaction: takes one input or two, not {}", inputs));
  return std::make_shared<DotInteraction>(inputs);
}

Shape DotInteraction::infer(std::span<const Shape> inputs) const {
  require_inputs("dot_interaction", inputs, static_cast<size_t>(inputs_));
  const Shape& x = inputs.back();
  if (x.rank() != 2)
    throw ShapeError(fmt::format("dot_interaction: needs vectors [n, dim], got {}", x.str()));
  if (inputs.size() == 2 && inputs[0] != Shape{x[1]})
    throw ShapeError(fmt::format("dot_interaction: the first input is {}, the vectors have {}",
                                 inputs[0].str(), x[1]),
                     "give the layer before it as many units as the table's dim");
  const int64_t k = x[0] + static_cast<int64_t>(inputs.size()) - 1;
  return {x[1] + k * (k - 1) / 2};
}

std::unique_ptr<Lowered> DotInteraction::lower(LowerContext& context) const {
  return std::make_unique<LoweredDotInteraction>(context, inputs_ == 2);
}

Cost DotInteraction::cost(std::span<const Shape> inputs) const {
  const Shape y = infer(inputs);
  const auto dim = inputs.back()[1];
  return {2.0 * static_cast<double>((y[0] - dim) * dim), traffic(inputs, y)};
}

}  // namespace trireme
