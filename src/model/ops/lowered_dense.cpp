#include "model/ops/lowered_dense.h"

#include "model/ops/rules.h"

namespace trireme {

LoweredDense::LoweredDense(LowerContext& context, bool bias, const FusedActivation& activation)
    : k_(context.kernels()),
      activation_(activation.kind),
      alpha_(static_cast<float>(activation.alpha)),
      has_bias_(bias) {
  const Matrix x = matrix_of(context.input_shape(0));
  rows_a_sample_ = x.rows;
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
  if (dweight_) plan_weights(context);
  if (has_bias_) dbias_ = context.param_grad(1);
  if (!dbias_) return;
  dbias_write_ = context.param_grad_write(1);
  sum_scratch_ = reduction_scratch(context, rows_, out_);
}

void LoweredDense::plan_weights(LowerContext& context) {
  MatmulSpec spec{.m = out_,
                  .n = in_,
                  .k = rows_,
                  .transpose_a = true,
                  .transpose_b = false,
                  .bias = false,
                  .activation = Activation::none,
                  .alpha = 0,
                  .write = context.param_grad_write(0),
                  .full_result = true};
  if (const int64_t leaves = context.leaves_at_once(0); leaves > 1) {
    MatmulSpec all = spec;
    all.k = rows_ + rows_a_sample_;  // leaves of a batch differ by one sample at most
    all.leaves = leaves;
    weights_ = make_leaves_plan(k_, all);
    at_once_ = static_cast<bool>(weights_);
    if (at_once_) {
      context.compute_at_once(0, 0);
      products_ = context.scratch(static_cast<size_t>(leaves) * sizeof(LeafProduct));
      return;
    }
  }
  weights_ = make_plan(k_, spec, false);
}

Status LoweredDense::forward(const Frame& f) const noexcept {
  return forward_.run(f, {f.at(x_), f.at(weight_), f.at(bias_), f.at(y_)}, scratch_);
}

Status LoweredDense::backward_weights_at_once(const Frame& f) const noexcept {
  const PieceLeaves& piece = *f.piece;
  LeafProduct* products = f.at<LeafProduct>(products_);
  for (int64_t leaf = 0; leaf < piece.count(); ++leaf) {
    const int64_t rows = piece.samples(leaf) * rows_a_sample_;
    products[leaf] = rows > 0 ? LeafProduct{piece.at(leaf, dy_), piece.at(leaf, x_), rows}
                              : LeafProduct{nullptr, nullptr, 0};
  }
  return weights_.run_leaves(f, piece.count(), products, piece.gradient(dweight_), scratch_);
}

Status LoweredDense::backward_weights(const Frame& f, const float* dz) const noexcept {
  if (!at_once_) return weights_.run(f, {dz, f.at(x_), nullptr, f.at(dweight_)}, scratch_);
  return f.piece ? backward_weights_at_once(f) : Status::ok;
}

Status LoweredDense::backward(const Frame& f) const noexcept {
  Status s = Status::ok;
  float* dz = f.at(dy_);
  if (activation_ != Activation::none)
    s = k_.activation_backward(f.stream, activation_, alpha_, rows_ * out_, nullptr, f.at(y_), dz,
                               dz, Write::set);
  if (s == Status::ok && dweight_) s = backward_weights(f, dz);
  if (s == Status::ok && dbias_)
    s = k_.column_sum(f.stream, rows_, out_, dz, f.at(dbias_), dbias_write_,
                      f.at<void>(sum_scratch_));
  if (s == Status::ok && dx_)
    s = data_.run(f, {dz, f.at(data_weight_), nullptr, f.at(dx_)}, scratch_);
  return s;
}

}  // namespace trireme
