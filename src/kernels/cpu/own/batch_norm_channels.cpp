// The steps of batch normalisation that see one number a channel: fp64, rounded once.
#include "kernels/cpu/own/kernels.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

struct Moments {
  double mean, variance;  // of the whole set, biased; rounding cannot make the variance negative
};

inline Moments moments(int64_t channels, int64_t c, double count, const double* sums) {
  const double mean = sums[c] / count;
  const double variance = sums[channels + c] / count - mean * mean;
  return {mean, variance > 0.0 ? variance : 0.0};
}

inline double reciprocal_root(double v) { return 1 / __builtin_sqrt(v); }

inline void put(float* to, double value, Write write) {
  *to = static_cast<float>(value) + (write == Write::add ? *to : 0.0f);
}

}  // namespace

Status batch_norm_statistics(Stream*, int64_t channels, double count, double epsilon,
                             const double* sums, float* mean, float* rstd) noexcept {
  for (int64_t c = 0; c < channels; ++c) {
    const Moments m = moments(channels, c, count, sums);
    mean[c] = static_cast<float>(m.mean);
    rstd[c] = static_cast<float>(reciprocal_root(m.variance + epsilon));
  }
  return Status::ok;
}

Status batch_norm_rstd(Stream*, int64_t channels, double epsilon, const float* variance,
                       float* rstd) noexcept {
  for (int64_t c = 0; c < channels; ++c) {
    rstd[c] = static_cast<float>(reciprocal_root(static_cast<double>(variance[c]) + epsilon));
  }
  return Status::ok;
}

Status batch_norm_running(Stream*, int64_t channels, double count, double momentum,
                          const double* sums, float* running_mean, float* running_variance,
                          const OptimizerScalars* scalars) noexcept {
  if (scalars && scalars->skip != 0) return Status::ok;
  const double keep = 1 - momentum, unbiased = count > 1 ? count / (count - 1) : 1;
  for (int64_t c = 0; c < channels; ++c) {
    const Moments m = moments(channels, c, count, sums);
    const double old_mean = running_mean[c], old_variance = running_variance[c];
    running_mean[c] = static_cast<float>(keep * old_mean + momentum * m.mean);
    running_variance[c] =
        static_cast<float>(keep * old_variance + momentum * m.variance * unbiased);
  }
  return Status::ok;
}

Status batch_norm_means(Stream*, int64_t channels, double count, const double* sums, float* mean_g,
                        float* mean_gx) noexcept {
  for (int64_t c = 0; c < channels; ++c) {
    mean_g[c] = static_cast<float>(sums[c] / count);
    mean_gx[c] = static_cast<float>(sums[channels + c] / count);
  }
  return Status::ok;
}

Status batch_norm_parameter_gradients(Stream*, int64_t channels, const double* sums, float* dgamma,
                                      Write dgamma_write, float* dbeta,
                                      Write dbeta_write) noexcept {
  for (int64_t c = 0; c < channels; ++c) {
    if (dbeta) put(dbeta + c, sums[c], dbeta_write);
    if (dgamma) put(dgamma + c, sums[channels + c], dgamma_write);
  }
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
