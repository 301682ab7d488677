#pragma once
// What follows from the sums of one channel, fp64 and rounded once. Here because it is computed in
// two places, which must agree to the bit: where the sums are finished, when they are the whole
// batch's (batch_norm.cu), else from what all leaves' add up to (batch_norm_channels.cu).

#include "kernels/cuda/own/element.h"

namespace trireme::cu {

struct Moments {
  double mean, variance;  // of the whole set, biased; rounding cannot make the variance negative
};

__device__ inline Moments moments(double sum, double squares, double count) {
  const double mean = sum / count;
  const double variance = squares / count - mean * mean;
  return {mean, variance > 0.0 ? variance : 0.0};
}

__device__ inline void put_statistics(const BatchNormStatistics& to, int64_t c, double sum,
                                      double squares) {
  const Moments m = moments(sum, squares, to.count);
  to.mean[c] = static_cast<float>(m.mean);
  to.rstd[c] = static_cast<float>(1 / sqrt(m.variance + to.epsilon));
}

__device__ inline void put_means(float* mean_g, float* mean_gx, double count, int64_t c,
                                 double sum_g, double sum_gx) {
  mean_g[c] = static_cast<float>(sum_g / count);
  mean_gx[c] = static_cast<float>(sum_gx / count);
}

}  // namespace trireme::cu
