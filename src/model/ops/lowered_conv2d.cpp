#include "model/ops/lowered_conv2d.h"

#include "model/ops/rules.h"

namespace trireme {

LoweredConv2d::LoweredConv2d(LowerContext& context, const Conv2dSpec& spec)
    : k_(context.kernels()),
      activation_(spec.activation),
      alpha_(spec.alpha),
      has_bias_(spec.bias) {
  const Matrix y = matrix_of(context.output_shape());
  rows_ = context.samples() * y.rows;
  channels_ = y.cols;
  forward_ = make_plan(k_, spec, ConvPass::forward);
  weight_ = forward_.weights(context, 0);
  if (has_bias_) bias_ = context.param(1);
  dy_ = context.output_grad();
  if (dy_) plan_backward(context, spec);
  x_ = weights_ ? context.saved_input(0) : context.input(0);
  y_ = dy_ && activation_ != Activation::none ? context.saved_output() : context.output();
  scratch_ = shared_scratch(context, {&forward_, &data_, &weights_});
}

LoweredConv2d::Result LoweredConv2d::result(LowerContext& context, Ref gradient, bool add,
                                            int64_t elements) {
  if (!add) return {gradient, {}, elements};
  return {context.scratch(static_cast<size_t>(elements) * sizeof(float)), gradient, elements};
}

void LoweredConv2d::plan_backward(LowerContext& context, const Conv2dSpec& spec) {
  Conv2dSpec plain = spec;
  plain.activation = Activation::none;
  if (const Ref dx = context.input_grad(0)) {
    data_ = make_plan(k_, plain, ConvPass::backward_data);
    data_weight_ = data_.weights(context, 0);
    dx_ = result(context, dx, context.input_grad_write(0) == Write::add,
                 context.samples() * context.input_shape(0).elements());
  }
  const Ref dbias = has_bias_ ? context.param_grad(1) : Ref{};
  if (dbias) dbias_ = result(context, dbias, context.param_grad_write(1) == Write::add, channels_);
  const Ref dweight = context.param_grad(0);
  if (dbias && !dweight) sum_scratch_ = reduction_scratch(context, rows_, channels_);
  if (dweight) {
    plain.bias = static_cast<bool>(dbias);
    weights_ = make_plan(k_, plain, ConvPass::backward_weights);
    dweight_ = result(context, dweight, context.param_grad_write(0) == Write::add,
                      spec.c_out * spec.c_in / spec.groups * spec.kernel_h * spec.kernel_w);
  }
}

Status LoweredConv2d::forward(const Frame& f) const noexcept {
  return forward_.run(f, {f.at(x_), f.at(weight_), f.at(bias_), f.at(y_)}, scratch_);
}

Status LoweredConv2d::finish(const Frame& f, const Result& result,
                             decltype(KernelTable::accumulate) accumulate) const noexcept {
  if (!result.added) return Status::ok;
  return accumulate(f.stream, result.elements, f.at(result.written), f.at(result.added));
}

Status LoweredConv2d::backward_weights(const Frame& f, const float* dz) const noexcept {
  Status s = Status::ok;
  if (weights_)
    s = weights_.run(f, {f.at(x_), dz, f.at(dweight_.written), f.at(dbias_.written)}, scratch_);
  else if (dbias_.written)
    s = k_.column_sum(f.stream, rows_, channels_, dz, f.at(dbias_.written), Write::set,
                      f.at<void>(sum_scratch_));
  if (s == Status::ok) s = finish(f, dweight_, k_.accumulate_full);
  return s == Status::ok ? finish(f, dbias_, k_.accumulate_full) : s;
}

Status LoweredConv2d::backward(const Frame& f) const noexcept {
  Status s = Status::ok;
  float* dz = f.at(dy_);
  if (activation_ != Activation::none)
    s = k_.activation_backward(f.stream, activation_, alpha_, rows_ * channels_, nullptr, f.at(y_),
                               dz, dz, Write::set);
  if (s == Status::ok) s = backward_weights(f, dz);
  if (s != Status::ok || !data_) return s;
  s = data_.run(f, {dz, f.at(data_weight_), f.at(dx_.written), nullptr}, scratch_);
  return s == Status::ok ? finish(f, dx_, k_.accumulate) : s;
}

}  // namespace trireme
