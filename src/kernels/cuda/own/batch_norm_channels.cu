// The steps of batch normalisation that see one number a channel: one thread a channel, fp64,
// rounded once.
#include "kernels/cuda/own/element.h"
#include "kernels/cuda/own/fill.h"

namespace trireme::cu {
namespace {

struct Moments {
  double mean, variance;  // of the whole set, biased; rounding cannot make the variance negative
};

__device__ inline Moments moments(int64_t channels, int64_t c, double count, const double* sums) {
  const double mean = sums[c] / count;
  const double variance = sums[channels + c] / count - mean * mean;
  return {mean, variance > 0.0 ? variance : 0.0};
}

__global__ void statistics_kernel(int64_t channels, double count, double epsilon,
                                  const double* sums, float* mean, float* rstd) {
  for (int64_t c = first_index(); c < channels; c += grid_stride()) {
    const Moments m = moments(channels, c, count, sums);
    mean[c] = static_cast<float>(m.mean);
    rstd[c] = static_cast<float>(1 / sqrt(m.variance + epsilon));
  }
}

__global__ void rstd_kernel(int64_t channels, double epsilon, const float* variance, float* rstd) {
  for (int64_t c = first_index(); c < channels; c += grid_stride())
    rstd[c] = static_cast<float>(1 / sqrt(static_cast<double>(variance[c]) + epsilon));
}

__global__ void running_kernel(int64_t channels, double count, double momentum, const double* sums,
                               float* running_mean, float* running_variance,
                               const OptimizerScalars* scalars) {
  if (scalars && scalars->skip != 0) return;
  const double keep = 1 - momentum, unbiased = count > 1 ? count / (count - 1) : 1;
  for (int64_t c = first_index(); c < channels; c += grid_stride()) {
    const Moments m = moments(channels, c, count, sums);
    const double old_mean = running_mean[c], old_variance = running_variance[c];
    running_mean[c] = static_cast<float>(keep * old_mean + momentum * m.mean);
    running_variance[c] =
        static_cast<float>(keep * old_variance + momentum * m.variance * unbiased);
  }
}

__global__ void means_kernel(int64_t channels, double count, const double* sums, float* mean_g,
                             float* mean_gx) {
  for (int64_t c = first_index(); c < channels; c += grid_stride()) {
    mean_g[c] = static_cast<float>(sums[c] / count);
    mean_gx[c] = static_cast<float>(sums[channels + c] / count);
  }
}

__global__ void parameter_gradients_kernel(int64_t channels, const double* sums, float* dgamma,
                                           bool add_gamma, float* dbeta, bool add_beta) {
  for (int64_t c = first_index(); c < channels; c += grid_stride()) {
    if (dbeta) put(dbeta + c, static_cast<float>(sums[c]), add_beta);
    if (dgamma) put(dgamma + c, static_cast<float>(sums[channels + c]), add_gamma);
  }
}

Status batch_norm_statistics(Stream* s, int64_t channels, double count, double epsilon,
                             const double* sums, float* mean, float* rstd) noexcept {
  return launch(statistics_kernel, grid_for(channels), kBlock, 0, s, channels, count, epsilon, sums,
                mean, rstd);
}

Status batch_norm_rstd(Stream* s, int64_t channels, double epsilon, const float* variance,
                       float* rstd) noexcept {
  return launch(rstd_kernel, grid_for(channels), kBlock, 0, s, channels, epsilon, variance, rstd);
}

Status batch_norm_running(Stream* s, int64_t channels, double count, double momentum,
                          const double* sums, float* running_mean, float* running_variance,
                          const OptimizerScalars* scalars) noexcept {
  return launch(running_kernel, grid_for(channels), kBlock, 0, s, channels, count, momentum, sums,
                running_mean, running_variance, scalars);
}

Status batch_norm_means(Stream* s, int64_t channels, double count, const double* sums,
                        float* mean_g, float* mean_gx) noexcept {
  return launch(means_kernel, grid_for(channels), kBlock, 0, s, channels, count, sums, mean_g,
                mean_gx);
}

Status batch_norm_parameter_gradients(Stream* s, int64_t channels, const double* sums,
                                      float* dgamma, Write dgamma_write, float* dbeta,
                                      Write dbeta_write) noexcept {
  return launch(parameter_gradients_kernel, grid_for(channels), kBlock, 0, s, channels, sums,
                dgamma, dgamma_write == Write::add, dbeta, dbeta_write == Write::add);
}

}  // namespace

void fill_batch_norm_channels(KernelTable& t) noexcept {
  t.batch_norm_statistics = batch_norm_statistics;
  t.batch_norm_rstd = batch_norm_rstd;
  t.batch_norm_running = batch_norm_running;
  t.batch_norm_means = batch_norm_means;
  t.batch_norm_parameter_gradients = batch_norm_parameter_gradients;
}

}  // namespace trireme::cu
