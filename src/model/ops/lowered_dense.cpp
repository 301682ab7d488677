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
      blocks_ = context.scratch(static_cast<size_t>(leaves) * sizeof(RowBlock));
      return;
    }
  }
  weights_ = make_plan(k_, spec, false);
}

Status LoweredDense::forward(const Frame& f) const noexcept {
  return forward_.run(f, {f.at(x_), f.at(weight_), f.at(bias_), f.at(y_)}, scratch_);
}

Status LoweredDense::backward_bias(Stream* stream, int64_t rows, const float* y, float* dz,
                                   float* dbias, void* scratch) const noexcept {
  Status s = Status::ok;
  if (activation_ != Activation::none)
    s = k_.activation_backward(stream, activation_, alpha_, rows * out_, nullptr, y, dz, dz,
                               Write::set);
  if (s == Status::ok && dbias)
    s = k_.column_sum(stream, rows, out_, dz, dbias, dbias_write_, scratch);
  return s;
}

Status LoweredDense::backward(const Frame& f) const noexcept {
  float* dz = f.at(dy_);
  Status s = backward_bias(f.stream, rows_, f.at(y_), dz, f.at(dbias_), f.at<void>(sum_scratch_));
  if (s == Status::ok && dweight_ && !at_once_)
    s = weights_.run(f, {dz, f.at(x_), nullptr, f.at(dweight_)}, scratch_);
  if (s == Status::ok && dx_)
    s = data_.run(f, {dz, f.at(data_weight_), nullptr, f.at(dx_)}, scratch_);
  return s;
}

Status LoweredDense::backward_at_once(const Frame& f, int64_t part, int64_t parts) const noexcept {
  if (!at_once_) return Status::ok;
  const PieceLeaves& piece = *f.piece;
  LeafProduct* products = f.at<LeafProduct>(products_);
  for (int64_t leaf = 0; leaf < piece.count(); ++leaf) {
    const int64_t rows = piece.samples(leaf) * rows_a_sample_;
    products[leaf] = rows > 0 ? LeafProduct{piece.at(leaf, dy_), piece.at(leaf, x_), rows}
                              : LeafProduct{nullptr, nullptr, 0};
  }
  return weights_.run_leaves(f, piece.count(), products, piece.gradient(dweight_), part, parts,
                             scratch_);
}

Status LoweredDense::multiply_together(const Frame& f, const PlanHandle& plan, Ref from, Ref weight,
                                       Ref bias, Ref to) const noexcept {
  RowBlock* blocks = f.at<RowBlock>(blocks_);
  int64_t count = 0;
  for (int64_t leaf = 0; leaf < f.piece->count(); ++leaf)
    if (const int64_t rows = f.piece->samples(leaf) * rows_a_sample_; rows > 0)
      blocks[count++] = {f.piece->at(leaf, from), f.piece->at(leaf, to), rows};
  return plan.run_blocks(f, count, blocks, f.at<void>(weight), f.at(bias));
}

Status LoweredDense::forward_together(const Frame& f) const noexcept {
  return multiply_together(f, forward_, x_, weight_, bias_, y_);
}

Status LoweredDense::backward_together(const Frame& f) const noexcept {
  Status s = Status::ok;
  for (int64_t leaf = 0; leaf < f.piece->count() && s == Status::ok; ++leaf)
    if (const int64_t rows = f.piece->samples(leaf) * rows_a_sample_; rows > 0)
      s = backward_bias(f.stream, rows, f.piece->at(leaf, y_), f.piece->at(leaf, dy_),
                        dbias_ ? f.piece->at(leaf, dbias_) : nullptr, f.at<void>(sum_scratch_));
  return s == Status::ok && dx_ ? multiply_together(f, data_, dy_, data_weight_, {}, dx_) : s;
}

}  // namespace trireme
