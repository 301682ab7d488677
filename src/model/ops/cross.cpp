#include "model/ops/cross.h"

#include <algorithm>

#include "base/error.h"
#include "model/ops/initializers.h"
#include "model/ops/rules.h"

namespace trireme {
namespace {

class LoweredCross final : public Lowered {
 public:
  explicit LoweredCross(LowerContext& context)
      : samples_(context.samples()),
        dim_(context.output_shape()[0]),
        x0_(context.saved_input(0)),
        x_(context.saved_input(1)),
        y_(context.output()),
        weight_(context.param(0)),
        bias_(context.param(1)),
        dy_(context.output_grad()),
        dx0_(dy_ ? context.input_grad(0) : Ref{}),
        dx_(dy_ ? context.input_grad(1) : Ref{}),
        dweight_(context.param_grad(0)),
        dbias_(context.param_grad(1)),
        dx0_write_(dx0_ ? context.input_grad_write(0) : Write::set),
        dx_write_(dx_ ? context.input_grad_write(1) : Write::set),
        dweight_write_(dweight_ ? context.param_grad_write(0) : Write::set),
        dbias_write_(dbias_ ? context.param_grad_write(1) : Write::set) {}

  Status forward(const Frame& f) const noexcept override {
    for (int64_t s = 0; s < samples_; ++s) {
      const float *x0 = f.at(x0_) + s * dim_, *x = f.at(x_) + s * dim_;
      const float factor = product(f, x);
      float* y = f.at(y_) + s * dim_;
      for (int64_t e = 0; e < dim_; ++e) y[e] = x0[e] * factor + x[e];
    }
    return Status::ok;
  }

  // With d = dy . x0:  dx0 (+)= (w.x + b) dy,  dx (+)= d w + dy,  dw (+)= d x,  db (+)= d.
  Status backward(const Frame& f) const noexcept override {
    if (dweight_ && dweight_write_ == Write::set) std::fill_n(f.at(dweight_), dim_, 0.0f);
    if (dbias_ && dbias_write_ == Write::set) *f.at(dbias_) = 0;
    const float* w = f.at(weight_);
    for (int64_t s = 0; s < samples_; ++s) {
      const float *x0 = f.at(x0_) + s * dim_, *x = f.at(x_) + s * dim_, *dy = f.at(dy_) + s * dim_;
      const float factor = product(f, x);
      float d = 0;
      for (int64_t e = 0; e < dim_; ++e) d += dy[e] * x0[e];
      if (dx0_) send(f.at(dx0_) + s * dim_, dx0_write_, [&](int64_t e) { return factor * dy[e]; });
      if (dx_) send(f.at(dx_) + s * dim_, dx_write_, [&](int64_t e) { return d * w[e] + dy[e]; });
      if (dweight_) send(f.at(dweight_), Write::add, [&](int64_t e) { return d * x[e]; });
      if (dbias_) *f.at(dbias_) += d;
    }
    return Status::ok;
  }

 private:
  float product(const Frame& f, const float* x) const {
    const float* w = f.at(weight_);
    float sum = *f.at(bias_);
    for (int64_t e = 0; e < dim_; ++e) sum += w[e] * x[e];
    return sum;
  }
  template <class Value>
  void send(float* to, Write write, Value value) const {
    for (int64_t e = 0; e < dim_; ++e) to[e] = write == Write::set ? value(e) : to[e] + value(e);
  }

  int64_t samples_, dim_;
  Ref x0_, x_, y_, weight_, bias_, dy_, dx0_, dx_, dweight_, dbias_;
  Write dx0_write_, dx_write_, dweight_write_, dbias_write_;
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
