#include <utility>

#include "model/ops/lowered_batch_norm.h"
#include "model/ops/plan.h"
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
  std::optional<RunningStatistics> running(const Frame& f) const noexcept override;

 private:
  double batch_count(const Frame& f) const {
    return f.synced_samples * static_cast<double>(per_sample_);
  }
  double leaf_count() const { return static_cast<double>(samples_ * per_sample_); }
  // Where y is above 0; without an addend that follows from x.
  const float* gate(const Frame& f) const { return settings_.addend ? f.at(y_) : nullptr; }
  // Whether what is normalised with comes from other leaves as well. Else it follows from the
  // leaf's own sums at once.
  bool synced(const Frame& f) const { return settings_.global && !f.alone; }

  const KernelTable& k_;
  BatchNormSettings settings_;
  int64_t samples_, per_sample_, channels_;
  Ref x_, addend_, y_, gamma_, beta_, running_mean_, running_var_;
  Ref mean_, rstd_, mean_g_, mean_gx_, scratch_;
  Ref dy_, more_, kept_, dx_, daddend_, dgamma_, dbeta_;  // kept_: of the gated gradient
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
      y_(settings.activation == Activation::relu && settings.addend ? context.saved_output()
                                                                    : context.output()),
      gamma_(context.param(0)),
      beta_(context.param(1)),
      running_mean_(context.state(0)),
      running_var_(context.state(1)),
      scratch_(reduction_scratch(context, samples_ * per_sample_, channels_)),
      dy_(context.output_grad()),
      more_(context.output_grad_apart()) {
  const size_t bytes = static_cast<size_t>(channels_) * sizeof(float);
  for (Ref* kept : {&mean_, &rstd_, &mean_g_, &mean_gx_}) *kept = context.saved(bytes);
  if (!dy_) return;
  if ((dx_ = context.input_grad(0))) dx_write_ = context.input_grad_write(0);
  if (settings.addend && (daddend_ = context.input_grad(1)))
    daddend_write_ = context.input_grad_write(1);
  // Two parts are added up once, and what the addend's gradient is set to serves both.
  if (daddend_ && daddend_write_ == Write::set)
    kept_ = std::exchange(daddend_, {});
  else if (more_)
    kept_ = dy_;
  if ((dgamma_ = context.param_grad(0))) dgamma_write_ = context.param_grad_write(0);
  if ((dbeta_ = context.param_grad(1))) dbeta_write_ = context.param_grad_write(1);
}

Status LoweredBatchNormTraining::forward_sums(const Frame& f, double* sums) const noexcept {
  const BatchNormStatistics own{leaf_count(), settings_.epsilon, f.at(mean_), f.at(rstd_)};
  return k_.batch_norm_sums(f.stream, samples_ * per_sample_, channels_, f.at(x_), sums,
                            f.at<void>(scratch_), synced(f) ? nullptr : &own);
}

Status LoweredBatchNormTraining::forward(const Frame& f) const noexcept {
  if (synced(f)) {
    const Status s = k_.batch_norm_statistics(
        f.stream, channels_, batch_count(f), settings_.epsilon, f.synced, f.at(mean_), f.at(rstd_));
    if (s != Status::ok) return s;
  }
  return k_.batch_norm_forward(f.stream, samples_ * per_sample_, channels_, f.at(x_), f.at(mean_),
                               f.at(rstd_), f.at(gamma_), f.at(beta_), f.at(addend_),
                               settings_.activation, f.at(y_));
}

// The leaf's own sums are its gradients of beta and gamma; the job adds leaves up.
Status LoweredBatchNormTraining::backward_sums(const Frame& f, double* sums) const noexcept {
  BatchNormGradients own{f.at(dgamma_), dgamma_write_, f.at(dbeta_), dbeta_write_,
                         leaf_count(),  nullptr,       nullptr};
  if (!synced(f)) {
    own.mean_g = f.at(mean_g_);
    own.mean_gx = f.at(mean_gx_);
  }
  return k_.batch_norm_backward_sums(f.stream, samples_ * per_sample_, channels_, f.at(x_), gate(f),
                                     f.at(dy_), f.at(more_), f.at(mean_), f.at(rstd_), f.at(gamma_),
                                     f.at(beta_), settings_.activation, f.at(kept_), sums,
                                     f.at<void>(scratch_), &own);
}

Status LoweredBatchNormTraining::backward(const Frame& f) const noexcept {
  if (synced(f)) {
    const Status s = k_.batch_norm_means(f.stream, channels_, batch_count(f), f.synced,
                                         f.at(mean_g_), f.at(mean_gx_));
    if (s != Status::ok) return s;
  }
  if (!dx_ && !daddend_) return Status::ok;
  return k_.batch_norm_backward(f.stream, samples_ * per_sample_, channels_, f.at(x_), gate(f),
                                f.at(kept_ ? kept_ : dy_), f.at(mean_), f.at(rstd_), f.at(gamma_),
                                f.at(beta_), f.at(mean_g_), f.at(mean_gx_),
                                kept_ ? Activation::none : settings_.activation, f.at(dx_),
                                dx_write_, f.at(daddend_), daddend_write_);
}

std::optional<RunningStatistics> LoweredBatchNormTraining::running(const Frame& f) const noexcept {
  return RunningStatistics{channels_, batch_count(f),      settings_.momentum,
                           f.synced,  f.at(running_mean_), f.at(running_var_)};
}

}  // namespace

std::unique_ptr<Lowered> lower_batch_norm_training(LowerContext& context,
                                                   const BatchNormSettings& settings) {
  return std::make_unique<LoweredBatchNormTraining>(context, settings);
}

}  // namespace trireme
