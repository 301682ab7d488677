// Layer normalisation over the last axis (Ba et al., arXiv:1607.06450). A block takes a row, which
// stays in the first-level cache between its passes; neighbouring threads read neighbouring
// columns. Parameter gradients are sums over rows: columns.h.
#include "kernels/cuda/own/columns.h"
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/loss_sums.h"

namespace trireme::cu {
namespace {

template <class T>
__global__ void __launch_bounds__(kBlock)
    layer_norm_forward_kernel(int64_t rows, int64_t cols, float epsilon, const T* x,
                              const float* gamma, const float* beta, T* y, float* mean,
                              float* rstd) {
  const float inverse = 1.0f / static_cast<float>(cols);
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const T* from = x + r * cols;
    float sum = 0, squares = 0;
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x) sum += to_float(from[c]);
    const float m = block_sum(sum) * inverse;
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x) {
      const float d = to_float(from[c]) - m;
      squares += d * d;
    }
    const float s = 1.0f / sqrtf(block_sum(squares) * inverse + epsilon);
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x)
      y[r * cols + c] = from_float<T>((to_float(from[c]) - m) * s * gamma[c] + beta[c]);
    if (threadIdx.x == 0) {
      mean[r] = m;
      rstd[r] = s;
    }
  }
}

// dx (+)= rstd (g - mean(g) - xhat mean(g xhat)), g = dy gamma, means over the row. dx may be dy:
// a thread reads its columns before it writes them.
template <class T>
__global__ void __launch_bounds__(kBlock)
    layer_norm_backward_kernel(int64_t rows, int64_t cols, const T* x, const float* gamma,
                               const float* mean, const float* rstd, const T* dy, T* dx, bool add) {
  const float inverse = 1.0f / static_cast<float>(cols);
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const int64_t first = r * cols;
    const float m = mean[r], s = rstd[r];
    float sum_g = 0, sum_gx = 0;
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x) {
      const float g = to_float(dy[first + c]) * gamma[c];
      sum_g += g;
      sum_gx += g * ((to_float(x[first + c]) - m) * s);
    }
    const float mean_g = block_sum(sum_g) * inverse, mean_gx = block_sum(sum_gx) * inverse;
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x) {
      const float xhat = (to_float(x[first + c]) - m) * s;
      const float g = to_float(dy[first + c]) * gamma[c];
      put(dx + first + c, s * (g - mean_g - xhat * mean_gx), add);
    }
  }
}

// dy and dy xhat, whose mean and rstd are the row's.
template <class T>
struct ParameterTerms {
  static constexpr int kRows = kVector<T> > 4 ? 2 : 4;
  template <int kWidth>
  struct Fetched {
    Stored<T, kWidth> x, dy;
    float mean, rstd;
  };
  const T* x;
  const T* dy;
  const float* mean;
  const float* rstd;
  template <int kWidth>
  __device__ int of_columns(int64_t) const {
    return 0;
  }
  template <int kWidth>
  __device__ Fetched<kWidth> fetch(int64_t row, int64_t offset) const {
    return {cu::fetch<kWidth>(x + offset), cu::fetch<kWidth>(dy + offset), mean[row], rstd[row]};
  }
  template <int kWidth, int kCount>
  __device__ void add(int64_t, int64_t, const Fetched<kWidth> (&of)[kCount], int,
                      double (&sums)[2][kWidth]) const {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const Pack<kWidth> v = widened(of[i].x), g = widened(of[i].dy);
      for (int k = 0; k < kWidth; ++k) {
        const float xhat = (v.at[k] - of[i].mean) * of[i].rstd;
        sums[0][k] += static_cast<double>(g.at[k]);
        sums[1][k] += static_cast<double>(g.at[k]) * static_cast<double>(xhat);
      }
    }
  }
};

struct ParameterStore {
  float* dgamma;
  float* dbeta;
  bool add;
  __device__ void put(int64_t c, const double (&sums)[2]) const {
    if (dbeta) cu::put(dbeta + c, static_cast<float>(sums[0]), add);
    if (dgamma) cu::put(dgamma + c, static_cast<float>(sums[1]), add);
  }
};

template <class T>
Status layer_norm_forward(Stream* s, int64_t rows, int64_t cols, float epsilon, const Element* x,
                          const float* gamma, const float* beta, Element* y, float* mean,
                          float* rstd) noexcept {
  if (cols == 0) return Status::ok;
  return launch(layer_norm_forward_kernel<T>, grid_of_rows(rows), row_block(cols), 0, s, rows, cols,
                epsilon, typed<T>(x), gamma, beta, typed<T>(y), mean, rstd);
}

template <class T>
Status layer_norm_backward(Stream* s, int64_t rows, int64_t cols, const Element* x,
                           const float* gamma, const float* mean, const float* rstd,
                           const Element* dy, Element* dx, Write write, float* dgamma, float* dbeta,
                           Write parameter_write, void* scratch) noexcept {
  if (cols == 0) return Status::ok;
  if (dgamma || dbeta) {  // before dx, which may be dy
    const bool vectors = cols % kVector<T> == 0 && all_aligned(x, dy);
    const Status sums = column_sums<2, kVector<T>>(
        s, rows, cols, vectors, ParameterTerms<T>{typed<T>(x), typed<T>(dy), mean, rstd}, scratch,
        ParameterStore{dgamma, dbeta, parameter_write == Write::add});
    if (sums != Status::ok) return sums;
  }
  if (!dx) return Status::ok;
  return launch(layer_norm_backward_kernel<T>, grid_of_rows(rows), row_block(cols), 0, s, rows,
                cols, typed<T>(x), gamma, mean, rstd, typed<T>(dy), typed<T>(dx),
                write == Write::add);
}

}  // namespace

template <class T>
void fill_layer_norm(KernelTable& t) noexcept {
  t.layer_norm_forward = layer_norm_forward<T>;
  t.layer_norm_backward = layer_norm_backward<T>;
}
template void fill_layer_norm<float>(KernelTable&) noexcept;
template void fill_layer_norm<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_layer_norm<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
