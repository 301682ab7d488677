// The steps of batch normalisation that see one number a channel: one thread a channel, fp64,
// rounded once.
#include "kernels/cuda/own/channel_statistics.h"
#include "kernels/cuda/own/fill.h"

namespace trireme::cu {
namespace {

__global__ void statistics_kernel(int64_t channels, const double* sums, BatchNormStatistics to) {
  for (int64_t c = first_index(); c < channels; c += grid_stride())
    put_statistics(to, c, sums[c], sums[channels + c]);
}

__global__ void rstd_kernel(int64_t channels, double epsilon, const float* variance, float* rstd) {
  for (int64_t c = first_index(); c < channels; c += grid_stride())
    rstd[c] = static_cast<float>(1 / sqrt(static_cast<double>(variance[c]) + epsilon));
}

// As many as fit well into a kernel's parameters, which are 4 KiB at most.
constexpr int kLayersAtOnce = 32;
struct RunningLayers {
  RunningStatistics at[kLayersAtOnce];
};

// The grid's y axis is a layer.
__global__ void running_kernel(RunningLayers layers, const OptimizerScalars* scalars) {
  if (scalars && scalars->skip != 0) return;
  const RunningStatistics& r = layers.at[blockIdx.y];
  const double keep = 1 - r.momentum, unbiased = r.count > 1 ? r.count / (r.count - 1) : 1;
  for (int64_t c = first_index(); c < r.channels; c += grid_stride()) {
    const Moments m = moments(r.sums[c], r.sums[r.channels + c], r.count);
    const double old_mean = r.mean[c], old_variance = r.variance[c];
    r.mean[c] = static_cast<float>(keep * old_mean + r.momentum * m.mean);
    r.variance[c] = static_cast<float>(keep * old_variance + r.momentum * m.variance * unbiased);
  }
}

__global__ void means_kernel(int64_t channels, double count, const double* sums, float* mean_g,
                             float* mean_gx) {
  for (int64_t c = first_index(); c < channels; c += grid_stride())
    put_means(mean_g, mean_gx, count, c, sums[c], sums[channels + c]);
}

Status batch_norm_statistics(Stream* s, int64_t channels, double count, double epsilon,
                             const double* sums, float* mean, float* rstd) noexcept {
  return launch(statistics_kernel, grid_for(channels), kBlock, 0, s, channels, sums,
                BatchNormStatistics{count, epsilon, mean, rstd});
}

Status batch_norm_rstd(Stream* s, int64_t channels, double epsilon, const float* variance,
                       float* rstd) noexcept {
  return launch(rstd_kernel, grid_for(channels), kBlock, 0, s, channels, epsilon, variance, rstd);
}

Status batch_norm_running(Stream* s, int64_t layers, const RunningStatistics* of,
                          const OptimizerScalars* scalars) noexcept {
  for (int64_t first = 0; first < layers; first += kLayersAtOnce) {
    RunningLayers now{};
    const int64_t count = smaller(kLayersAtOnce, layers - first);
    int64_t channels = 0;
    for (int64_t i = 0; i < count; ++i) {
      now.at[i] = of[first + i];
      channels = larger(channels, now.at[i].channels);
    }
    dim3 grid = grid_for(channels);
    grid.y = static_cast<unsigned>(count);
    const Status status = launch(running_kernel, grid, kBlock, 0, s, now, scalars);
    if (status != Status::ok) return status;
  }
  return Status::ok;
}

Status batch_norm_means(Stream* s, int64_t channels, double count, const double* sums,
                        float* mean_g, float* mean_gx) noexcept {
  return launch(means_kernel, grid_for(channels), kBlock, 0, s, channels, count, sums, mean_g,
                mean_gx);
}

}  // namespace

void fill_batch_norm_channels(KernelTable& t) noexcept {
  t.batch_norm_statistics = batch_norm_statistics;
  t.batch_norm_rstd = batch_norm_rstd;
  t.batch_norm_running = batch_norm_running;
  t.batch_norm_means = batch_norm_means;
}

}  // namespace trireme::cu
