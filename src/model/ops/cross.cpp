#include "model/ops/cross.h"

#include "base/error.h"
#include "model/ops/initializers.h"
#include "model/ops/plan.h"
#include "model/ops/rules.h"

namespace trireme {
namespace {

class LoweredCross final : public Lowered {
 public:
  explicit LoweredCross(LowerContext& context)
      : k_(context.kernels()),
        samples_(context.samples()),
        dim_(context.output_shape()[0]),
        x0_(context.saved_input(0)),
        x_(context.saved_input(1)),
        y_(context.output()),
        weight_(context.param(0)),
        bias_(context.param(1)),
        dy_(context.output_grad()) {
    if (!dy_) return;
    for (int i = 0; i < 2; ++i) {
      input_grads_[i] = context.input_grad(i);
      if (input_grads_[i]) input_writes_[i] = context.input_grad_write(i);
      param_grads_[i] = context.param_grad(i);
      if (param_grads_[i]) param_writes_[i] = context.param_grad_write(i);
    }
    slopes_ = context.scratch(static_cast<size_t>(samples_) * sizeof(float));
    scratch_ = reduction_scratch(context, samples_, dim_);
  }

  Status forward(const Frame& f) const noexcept override {
    return k_.cross_forward(f.stream, samples_, dim_, f.at(x0_), f.at(x_), f.at(weight_),
                            f.at(bias_), f.at(y_));
  }
  Status backward(const Frame& f) const noexcept override {
    return k_.cross_backward(f.stream, samples_, dim_, f.at(x0_), f.at(x_), f.at(weight_),
                             f.at(bias_), f.at(dy_), f.at(input_grads_[0]), input_writes_[0],
                             f.at(input_grads_[1]), input_writes_[1], f.at(param_grads_[0]),
                             param_writes_[0], f.at(param_grads_[1]), param_writes_[1],
                             f.at(slopes_), f.at<void>(scratch_));
  }

 private:
  const KernelTable& k_;
  int64_t samples_, dim_;
  Ref x0_, x_, y_, weight_, bias_, dy_, slopes_, scratch_;
  Ref input_grads_[2], param_grads_[2];
  Write input_writes_[2] = {Write::set, Write::set}, param_writes_[2] = {Write::set, Write::set};
};

}  // namespace

Shape Cross::infer(std::span<const Shape> inputs) const {
  require_inputs("cross", inputs, 2);
  require_same("cross", inputs);
  if (inputs[0].rank() != 1)
    throw ShapeError("cross: needs features, got " + inputs[0].str(), "flatten the input");
  return inputs[0];
}

std::vector<SlotSpec> Cross::params(std::span<const InputInfo> inputs) const {
  const int64_t dim = inputs[0].shape[0];
  SlotSpec weight, bias;
  weight.suffix = "weight";
  weight.logical = weight.view = {1, dim};
  weight.init = weight_initializer("pytorch");
  weight.fan_in = dim;
  weight.fan_out = 1;
  bias.suffix = "bias";
  bias.logical = bias.view = {1};
  bias.init = bias_initializer("zeros", dim);
  bias.decays = false;
  return {weight, bias};
}

std::unique_ptr<Lowered> Cross::lower(LowerContext& context) const {
  return std::make_unique<LoweredCross>(context);
}

Cost Cross::cost(std::span<const Shape> inputs) const {
  return {4.0 * static_cast<double>(inputs[0].elements()), traffic(inputs, inputs[0])};
}

}  // namespace trireme
