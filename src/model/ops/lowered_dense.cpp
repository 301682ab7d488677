#include "model/ops/lowered_dense.h"

#include "model/ops/rules.h"

namespace trireme {

LoweredDense::LoweredDense(LowerContext& context, bool bias, const FusedActivation& activation)
    : k_(context.kernels()),
      activation_(activation.kind),
      alpha_(static_cast<float>(activation.alpha)),
      has_bias_(bias) {
  const Matrix x = matrix_of(context.input_shape(0));
  rows_ = context.samples() * x.rows;
  in_ = x.cols;
  out_ = matrix_of(context.output_shape()).cols;
  forward_ = make_plan(k_,
                       MatmulSpec{.m = rows_,
                                  .n = out_,
                                  .k = in_,
                                  .transpose_a = false,
                                  .transpose_b = true,
                                  .bias = bias,
                                  .activation = activation_,
                                  .alpha = alpha_,
                                  .write = Write::set},
                       true);
  weight_ = forward_.weights(context, 0);
  if (bias) bias_ = context.param(1);
  dy_ = context.output_grad();
  if (dy_) plan_backward(context);
  x_ = dweight_ ? context.saved_input(0) : context.input(0);
  y_ = dy_ && activation.any() ? context.saved_output() : context.output();
  scratch_ = shared_scratch(context, {&forward_, &data_, &weights_});
}

void LoweredDense::plan_backward(LowerContext& context) {
  dx_ = context.input_grad(0);
  if (dx_) {
    data_ = make_plan(k_,
                      MatmulSpec{.m = rows_,
                                 .n = in_,
                                 .k = out_,
                                 .transpose_a = false,
                                 .transpose_b = false,
                                 .bias = false,
                                 .activation = Activation::none,
                                 .alpha = 0,
                                 .write = context.input_grad_write(0)},
                      true);
    data_weight_ = data_.weights(context, 0);
  }
  dweight_ = context.param_grad(0);
  if (dweight_)
    weights_ = make_plan(k_,
                         MatmulSpec{.m = out_,
                                    .n = in_,
                                    .k = rows_,
                                    .transpose_a = true,
                                    .transpose_b = false,
                                    .bias = false,
                                    .activation = Activation::none,
                                    .alpha = 0,
                                    .write = context.param_grad_write(0)},
                         false);
  if (has_bias_) dbias_ = context.param_grad(1);
  if (!dbias_) return;
  dbias_write_ = context.param_grad_write(1);
  sum_scratch_ = reduction_scratch(context, rows_, out_);
}

Status LoweredDense::forward(const Frame& f) const noexcept {
  return forward_.run(f, {f.at(x_), f.at(weight_), f.at(bias_), f.at(y_)}, scratch_);
}

Status LoweredDense::backward(const Frame& f) const noexcept {
  Status s = Status::ok;
  float* dz = f.at(dy_);
  if (activation_ != Activation::none)
    s = k_.activation_backward(f.stream, activation_, alpha_, rows_ * out_, nullptr, f.at(y_), dz,
                               dz, Write::set);
  if (s == Status::ok && dweight_)
    s = weights_.run(f, {dz, f.at(x_), nullptr, f.at(dweight_)}, scratch_);
  if (s == Status::ok && dbias_)
    s = k_.column_sum(f.stream, rows_, out_, dz, f.at(dbias_), dbias_write_,
                      f.at<void>(sum_scratch_));
  if (s == Status::ok && dx_)
    s = data_.run(f, {dz, f.at(data_weight_), nullptr, f.at(dx_)}, scratch_);
  return s;
}

}  // namespace trireme
