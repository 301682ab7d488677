// Layer normalisation over the last axis (Ba et al., arXiv:1607.06450).
#include "kernels/cpu/own/columns.h"
#include "kernels/cpu/own/kernels.h"
#include "kernels/cpu/own/sums.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

// dgamma[c] (+)= sum over rows of dy xhat, dbeta[c] (+)= sum over rows of dy, both in fp64.
void parameter_gradients(int64_t rows, int64_t cols, const float* x, const float* mean,
                         const float* rstd, const float* dy, float* dgamma, float* dbeta,
                         bool add) {
  double scaled[kStrip], plain[kStrip];
  for (int64_t c = 0; c < cols; c += kStrip) {
    const int64_t width = cols - c < kStrip ? cols - c : kStrip;
    for (int64_t j = 0; j < width; ++j) scaled[j] = plain[j] = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const float* g = dy + r * cols + c;
      const float* v = x + r * cols + c;
      for (int64_t j = 0; j < width; ++j) {
        scaled[j] += static_cast<double>(g[j]) * static_cast<double>((v[j] - mean[r]) * rstd[r]);
        plain[j] += static_cast<double>(g[j]);
      }
    }
    for (int64_t j = 0; j < width; ++j) {
      if (dgamma) dgamma[c + j] = (add ? dgamma[c + j] : 0.0f) + static_cast<float>(scaled[j]);
      if (dbeta) dbeta[c + j] = (add ? dbeta[c + j] : 0.0f) + static_cast<float>(plain[j]);
    }
  }
}

}  // namespace

Status layer_norm_forward(Stream*, int64_t rows, int64_t cols, float epsilon, const float* x,
                          const float* gamma, const float* beta, float* y, float* mean,
                          float* rstd) noexcept {
  if (cols == 0) return Status::ok;
  const float inverse = 1.0f / static_cast<float>(cols);
  for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
    const float m = sum_terms<float>(cols, [&](int64_t c) { return x[c]; }) * inverse;
    const float variance =
        sum_terms<float>(cols, [&](int64_t c) { return (x[c] - m) * (x[c] - m); }) * inverse;
    const float s = 1.0f / __builtin_sqrtf(variance + epsilon);
#pragma GCC ivdep
    for (int64_t c = 0; c < cols; ++c) y[c] = (x[c] - m) * s * gamma[c] + beta[c];
    mean[r] = m;
    rstd[r] = s;
  }
  return Status::ok;
}

// dx (+)= rstd (g - mean(g) - xhat mean(g xhat)), g = dy gamma, means over the row.
Status layer_norm_backward(Stream*, int64_t rows, int64_t cols, const float* x, const float* gamma,
                           const float* mean, const float* rstd, const float* dy, float* dx,
                           Write write, float* dgamma, float* dbeta, Write parameter_write,
                           void*) noexcept {
  if (cols == 0) return Status::ok;
  // Before dx, which may alias dy.
  if (dgamma || dbeta) {
    parameter_gradients(rows, cols, x, mean, rstd, dy, dgamma, dbeta,
                        parameter_write == Write::add);
  }
  const float inverse = 1.0f / static_cast<float>(cols);
  for (int64_t r = 0; dx && r < rows; ++r, x += cols, dy += cols, dx += cols) {
    const float m = mean[r], s = rstd[r];
    const float mean_g =
        sum_terms<float>(cols, [&](int64_t c) { return dy[c] * gamma[c]; }) * inverse;
    const float mean_gx = inverse * sum_terms<float>(cols, [&](int64_t c) {
                            return dy[c] * gamma[c] * ((x[c] - m) * s);
                          });
#pragma GCC ivdep
    for (int64_t c = 0; c < cols; ++c) {
      const float v = s * (dy[c] * gamma[c] - mean_g - (x[c] - m) * s * mean_gx);
      dx[c] = write == Write::add ? dx[c] + v : v;
    }
  }
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
