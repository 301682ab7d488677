// Layer normalisation over the last axis (Ba et al., arXiv:1607.06450). A block takes a row, which
// stays in the first-level cache between its passes; neighbouring threads read neighbouring
// columns. Parameter gradients are sums over rows: columns.h.
#include "kernels/cuda/own/columns.h"
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/loss_sums.h"

namespace trireme::cu {
namespace {

__global__ void __launch_bounds__(kBlock)
    layer_norm_forward_kernel(int64_t rows, int64_t cols, float epsilon, const float* x,
                              const float* gamma, const float* beta, float* y, float* mean,
                              float* rstd) {
  const float inverse = 1.0f / static_cast<float>(cols);
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const float* from = x + r * cols;
    float sum = 0, squares = 0;
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x) sum += from[c];
    const float m = block_sum(sum) * inverse;
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x)
      squares += (from[c] - m) * (from[c] - m);
    const float s = 1.0f / sqrtf(block_sum(squares) * inverse + epsilon);
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x)
      y[r * cols + c] = (from[c] - m) * s * gamma[c] + beta[c];
    if (threadIdx.x == 0) {
      mean[r] = m;
      rstd[r] = s;
    }
  }
}

// dx (+)= rstd (g - mean(g) - xhat mean(g xhat)), g = dy gamma, means over the row. dx may be dy:
// a thread reads its columns before it writes them.
__global__ void __launch_bounds__(kBlock)
    layer_norm_backward_kernel(int64_t rows, int64_t cols, const float* x, const float* gamma,
                               const float* mean, const float* rstd, const float* dy, float* dx,
                               bool add) {
  const float inverse = 1.0f / static_cast<float>(cols);
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const int64_t first = r * cols;
    const float m = mean[r], s = rstd[r];
    float sum_g = 0, sum_gx = 0;
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x) {
      const float g = dy[first + c] * gamma[c];
      sum_g += g;
      sum_gx += g * ((x[first + c] - m) * s);
    }
    const float mean_g = block_sum(sum_g) * inverse, mean_gx = block_sum(sum_gx) * inverse;
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x) {
      const float xhat = (x[first + c] - m) * s;
      put(dx + first + c, s * (dy[first + c] * gamma[c] - mean_g - xhat * mean_gx), add);
    }
  }
}

// dy and dy xhat, whose mean and rstd are the row's.
struct ParameterTerms {
  const float* x;
  const float* dy;
  const float* mean;
  const float* rstd;
  template <int kWidth>
  __device__ int of_columns(int64_t) const {
    return 0;
  }
  template <int kWidth>
  __device__ void add(int64_t row, int64_t offset, int, double (&sums)[2][kWidth]) const {
    const float m = mean[row], s = rstd[row];
    const Pack<kWidth> v = load<kWidth>(x + offset), g = load<kWidth>(dy + offset);
    for (int k = 0; k < kWidth; ++k) {
      sums[0][k] += static_cast<double>(g.at[k]);
      sums[1][k] += static_cast<double>(g.at[k]) * static_cast<double>((v.at[k] - m) * s);
    }
  }
};

struct ParameterStore {
  int64_t cols;
  float* dgamma;
  float* dbeta;
  bool add;
  __device__ void put(int64_t c, double sum) const {
    float* const to = c < cols ? dbeta : dgamma;
    if (to) cu::put(to + (c < cols ? c : c - cols), static_cast<float>(sum), add);
  }
};

Status layer_norm_forward(Stream* s, int64_t rows, int64_t cols, float epsilon, const float* x,
                          const float* gamma, const float* beta, float* y, float* mean,
                          float* rstd) noexcept {
  if (cols == 0) return Status::ok;
  return launch(layer_norm_forward_kernel, grid_of_rows(rows), row_block(cols), 0, s, rows, cols,
                epsilon, x, gamma, beta, y, mean, rstd);
}

Status layer_norm_backward(Stream* s, int64_t rows, int64_t cols, const float* x,
                           const float* gamma, const float* mean, const float* rstd,
                           const float* dy, float* dx, Write write, float* dgamma, float* dbeta,
                           Write parameter_write, void* scratch) noexcept {
  if (cols == 0) return Status::ok;
  if (dgamma || dbeta) {  // before dx, which may be dy
    const Status sums = column_sums<2>(
        s, rows, cols, cols % 4 == 0 && all_aligned(x, dy), ParameterTerms{x, dy, mean, rstd},
        scratch, ParameterStore{cols, dgamma, dbeta, parameter_write == Write::add});
    if (sums != Status::ok) return sums;
  }
  if (!dx) return Status::ok;
  return launch(layer_norm_backward_kernel, grid_of_rows(rows), row_block(cols), 0, s, rows, cols,
                x, gamma, mean, rstd, dy, dx, write == Write::add);
}

}  // namespace

void fill_layer_norm(KernelTable& t) noexcept {
  t.layer_norm_forward = layer_norm_forward;
  t.layer_norm_backward = layer_norm_backward;
}

}  // namespace trireme::cu
