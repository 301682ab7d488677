#include "model/ops/layer_norm.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/ops/plan.h"
#include "model/ops/rules.h"

namespace trireme {
namespace {

class LoweredLayerNorm final : public Lowered {
 public:
  LoweredLayerNorm(LowerContext& context, float epsilon)
      : k_(context.kernels()),
        epsilon_(epsilon),
        rows_(context.samples() * matrix_of(context.output_shape()).rows),
        cols_(matrix_of(context.output_shape()).cols),
        x_(context.saved_input(0)),
        y_(context.output()),
        gamma_(context.param(0)),
        beta_(context.param(1)),
        mean_(context.saved(static_cast<size_t>(rows_) * sizeof(float))),
        rstd_(context.saved(static_cast<size_t>(rows_) * sizeof(float))),
        dy_(context.output_grad()) {
    if (dy_) plan_backward(context);
  }

  Status forward(const Frame& f) const noexcept override {
    return k_.layer_norm_forward(f.stream, rows_, cols_, epsilon_, f.at(x_), f.at(gamma_),
                                 f.at(beta_), f.at(y_), f.at(mean_), f.at(rstd_));
  }

  Status backward(const Frame& f) const noexcept override {
    Status s =
        k_.layer_norm_backward(f.stream, rows_, cols_, f.at(x_), f.at(gamma_), f.at(mean_),
                               f.at(rstd_), f.at(dy_), f.at(dx_), dx_write_, f.at(written_[0]),
                               f.at(written_[1]), parameter_write_, f.at<void>(scratch_));
    for (size_t i = 0; i < 2 && s == Status::ok; ++i)
      if (added_[i])
        s = added_write_[i] == Write::set
                ? k_.copy_full(f.stream, cols_, f.at(written_[i]), f.at(added_[i]))
                : k_.accumulate_full(f.stream, cols_, f.at(written_[i]), f.at(added_[i]));
    return s;
  }

 private:
  // The kernel writes dx, dgamma and dbeta at once, the latter two alike; what nobody wants, or
  // wants in another way, goes through scratch.
  void plan_backward(LowerContext& context) {
    scratch_ = reduction_scratch(context, rows_, cols_);
    dx_ = context.input_grad(0);
    if (dx_)
      dx_write_ = context.input_grad_write(0);
    else
      dx_ = context.scratch(static_cast<size_t>(rows_ * cols_) * sizeof(float));
    Ref gradients[2];
    for (int i = 0; i < 2; ++i) {
      gradients[i] = context.param_grad(i);
      if (gradients[i]) added_write_[i] = context.param_grad_write(i);
    }
    const bool direct = gradients[0] && gradients[1] && added_write_[0] == added_write_[1];
    if (direct) parameter_write_ = added_write_[0];
    for (size_t i = 0; i < 2; ++i) {
      added_[i] = direct ? Ref{} : gradients[i];
      written_[i] =
          direct ? gradients[i] : context.scratch(static_cast<size_t>(cols_) * sizeof(float));
    }
  }

  const KernelTable& k_;
  float epsilon_;
  int64_t rows_, cols_;
  Ref x_, y_, gamma_, beta_, mean_, rstd_, dy_, dx_, scratch_;
  Write dx_write_ = Write::set, parameter_write_ = Write::set;
  Ref written_[2], added_[2];
  Write added_write_[2] = {Write::set, Write::set};
};

}  // namespace

std::shared_ptr<const Op> LayerNorm::make(AttributeReader& reader) {
  const double epsilon = reader.number("epsilon", 1e-5);
  if (!(epsilon > 0))
    throw ConfigError(fmt::format("layer_norm: epsilon is {}, expected more than 0", epsilon));
  return std::make_shared<LayerNorm>(epsilon);
}

Shape LayerNorm::infer(std::span<const Shape> inputs) const {
  require_inputs("layer_norm", inputs, 1);
  require_rows("layer_norm", inputs[0]);
  return inputs[0];
}

std::vector<SlotSpec> LayerNorm::params(std::span<const InputInfo> inputs) const {
  const int64_t cols = matrix_of(inputs[0].shape).cols;
  return {{"weight", {cols}, {cols}, {}, {Init::ones, 0, 0}, 0, 0, false},
          {"bias", {cols}, {cols}, {}, {Init::zeros, 0, 0}, 0, 0, false}};
}

std::unique_ptr<Lowered> LayerNorm::lower(LowerContext& context) const {
  return std::make_unique<LoweredLayerNorm>(context, static_cast<float>(epsilon_));
}

Cost LayerNorm::cost(std::span<const Shape> inputs) const {
  return {8.0 * static_cast<double>(inputs[0].elements()), traffic(inputs, inputs[0])};
}

}  // namespace trireme
