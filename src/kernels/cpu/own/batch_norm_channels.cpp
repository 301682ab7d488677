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

Status batch_norm_running(Stream*, int64_t layers, const RunningStatistics* of,
                          const OptimizerScalars* scalars) noexcept {
  if (scalars && scalars->skip != 0) return Status::ok;
  for (const RunningStatistics* r = of; r != of + layers; ++r) {
    const double keep = 1 - r->momentum, unbiased = r->count > 1 ? r->count / (r->count - 1) : 1;
    for (int64_t c = 0; c < r->channels; ++c) {
      const Moments m = moments(r->channels, c, r->count, r->sums);
      const double old_mean = r->mean[c], old_variance = r->variance[c];
      r->mean[c] = static_cast<float>(keep * old_mean + r->momentum * m.mean);
      r->variance[c] =
          static_cast<float>(keep * old_variance + r->momentum * m.variance * unbiased);
    }
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

}  // namespace trireme::cpu::TRIREME_LEVEL
