#include <algorithm>
#include <cmath>

#include "model/ops/lowered_batch_norm.h"
#include "model/ops/rules.h"

namespace trireme {
namespace {

class LoweredBatchNormTraining final : public Lowered {
 public:
  LoweredBatchNormTraining(LowerContext& context, const BatchNormSettings& settings);
  int64_t sync_doubles() const override { return 2 * channels_; }
  Status forward_sums(const Frame& f, double* sums) const noexcept override;
  Status forward(const Frame& f) const noexcept override;
  Status backward_sums(const Frame& f, double* sums) const noexcept override;
  Status backward(const Frame& f) const noexcept override;
  void update_state(const Frame& f) const noexcept override;

 private:
  double batch_count(const Frame& f) const {
    return f.synced_samples * static_cast<double>(per_sample_);
  }
  double leaf_count() const { return static_cast<double>(samples_ * per_sample_); }
  // mean and rstd for forward and backward, from the sums over `count` values.
  void keep_statistics(const Frame& f, const double* sums, double count) const noexcept;
  void keep_means(const Frame& f, const double* sums, double count) const noexcept;
  void write_parameter_gradients(const Frame& f, const double* sums) const noexcept;

  const KernelTable& k_;
  BatchNormSettings settings_;
  int64_t samples_, per_sample_, channels_;
  Ref x_, addend_, y_, gamma_, beta_, running_mean_, running_var_;
  Ref mean_, rstd_, mean_g_, mean_gx_;
  Ref dy_, dx_, daddend_, dgamma_, dbeta_;
  Write dx_write_ = Write::set, daddend_write_ = Write::set;
  Write dgamma_write_ = Write::set, dbeta_write_ = Write::set;
};

LoweredBatchNormTraining::LoweredBatchNormTraining(LowerContext& context,
                                                   const BatchNormSettings& settings)
    : k_(context.kernels()),
      settings_(settings),
      samples_(context.samples()),
      per_sample_(matrix_of(context.output_shape()).rows),
      channels_(matrix_of(context.output_shape()).cols),
      x_(context.saved_input(0)),
      addend_(settings.addend ? context.input(1) : Ref{}),
      y_(settings.activation == Activation::none ? context.output() : context.saved_output()),
      gamma_(context.param(0)),
      beta_(context.param(1)),
      running_mean_(context.state(0)),
      running_var_(context.state(1)),
      dy_(context.output_grad()) {
  const size_t bytes = static_cast<size_t>(channels_) * sizeof(float);
  for (Ref* kept : {&mean_, &rstd_, &mean_g_, &mean_gx_}) *kept = context.saved(bytes);
  if (!dy_) return;
  if ((dx_ = context.input_grad(0))) dx_write_ = context.input_grad_write(0);
  if (settings.addend && (daddend_ = context.input_grad(1)))
    daddend_write_ = context.input_grad_write(1);
  if (daddend_ && !dx_)  // nobody asked for dx, but the kernel writes both
    dx_ = context.scratch(static_cast<size_t>(samples_ * per_sample_) * bytes);
  if ((dgamma_ = context.param_grad(0))) dgamma_write_ = context.param_grad_write(0);
  if ((dbeta_ = context.param_grad(1))) dbeta_write_ = context.param_grad_write(1);
}

void LoweredBatchNormTraining::keep_statistics(const Frame& f, const double* sums,
                                               double count) const noexcept {
  float* mean = f.at(mean_);
  float* rstd = f.at(rstd_);
  for (int64_t c = 0; c < channels_; ++c) {
    const double m = sums[c] / count;
    const double variance = std::max(0.0, sums[channels_ + c] / count - m * m);
    mean[c] = static_cast<float>(m);
    rstd[c] = static_cast<float>(1 / std::sqrt(variance + settings_.epsilon));
  }
}

Status LoweredBatchNormTraining::forward_sums(const Frame& f, double* sums) const noexcept {
  const Status s = k_.batch_norm_sums(f.stream, samples_ * per_sample_, channels_, f.at(x_), sums);
  if (s == Status::ok && !settings_.global) keep_statistics(f, sums, leaf_count());
  return s;
}

Status LoweredBatchNormTraining::forward(const Frame& f) const noexcept {
  if (settings_.global) keep_statistics(f, f.synced, batch_count(f));
  return k_.batch_norm_forward(f.stream, samples_ * per_sample_, channels_, f.at(x_), f.at(mean_),
                               f.at(rstd_), f.at(gamma_), f.at(beta_), f.at(addend_),
                               settings_.activation, f.at(y_));
}

// The leaf's own sums are its gradients of beta and gamma; the job adds leaves up.
void LoweredBatchNormTraining::write_parameter_gradients(const Frame& f,
                                                         const double* sums) const noexcept {
  float* dbeta = f.at(dbeta_);
  float* dgamma = f.at(dgamma_);
  for (int64_t c = 0; c < channels_; ++c) {
    if (dbeta)
      dbeta[c] = static_cast<float>(sums[c]) + (dbeta_write_ == Write::add ? dbeta[c] : 0.0f);
    if (dgamma)
      dgamma[c] = static_cast<float>(sums[channels_ + c]) +
                  (dgamma_write_ == Write::add ? dgamma[c] : 0.0f);
  }
}

void LoweredBatchNormTraining::keep_means(const Frame& f, const double* sums,
                                          double count) const noexcept {
  for (int64_t c = 0; c < channels_; ++c) {
    f.at(mean_g_)[c] = static_cast<float>(sums[c] / count);
    f.at(mean_gx_)[c] = static_cast<float>(sums[channels_ + c] / count);
  }
}

Status LoweredBatchNormTraining::backward_sums(const Frame& f, double* sums) const noexcept {
  const Status s =
      k_.batch_norm_backward_sums(f.stream, samples_ * per_sample_, channels_, f.at(x_), f.at(y_),
                                  f.at(dy_), f.at(mean_), f.at(rstd_), settings_.activation, sums);
  if (s != Status::ok) return s;
  write_parameter_gradients(f, sums);
  if (!settings_.global) keep_means(f, sums, leaf_count());
  return s;
}

Status LoweredBatchNormTraining::backward(const Frame& f) const noexcept {
  if (settings_.global) keep_means(f, f.synced, batch_count(f));
  if (!dx_) return Status::ok;
  return k_.batch_norm_backward(f.stream, samples_ * per_sample_, channels_, f.at(x_), f.at(y_),
                                f.at(dy_), f.at(mean_), f.at(rstd_), f.at(gamma_), f.at(mean_g_),
                                f.at(mean_gx_), settings_.activation, f.at(dx_), dx_write_,
                                f.at(daddend_), daddend_write_);
}

void LoweredBatchNormTraining::update_state(const Frame& f) const noexcept {
  const double count = batch_count(f), m = settings_.momentum;
  const double unbiased = count > 1 ? count / (count - 1) : 1;
  float* running_mean = f.at(running_mean_);
  float* running_var = f.at(running_var_);
  for (int64_t c = 0; c < channels_; ++c) {
    const double mean = f.synced[c] / count;
    const double variance = std::max(0.0, f.synced[channels_ + c] / count - mean * mean);
    running_mean[c] = static_cast<float>((1 - m) * running_mean[c] + m * mean);
    running_var[c] = static_cast<float>((1 - m) * running_var[c] + m * variance * unbiased);
  }
}

}  // namespace

std::unique_ptr<Lowered> lower_batch_norm_training(LowerContext& context,
                                                   const BatchNormSettings& settings) {
  return std::make_unique<LoweredBatchNormTraining>(context, settings);
}

}  // namespace trireme
