// The cross layer of a deep and cross network (Wang et al., arXiv:1708.05123). A block takes a
// sample, which stays in the first-level cache between its sums and its results; neighbouring
// threads read neighbouring elements. Parameter gradients are sums over samples: columns.h.
#include "kernels/cuda/own/columns.h"
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/loss_sums.h"

namespace trireme::cu {
namespace {

// w . x + b; all threads of the block call.
template <class T>
__device__ inline float factor_of(int64_t dim, const T* x, const float* weight, const float* bias) {
  float sum = 0;
  for (int64_t e = threadIdx.x; e < dim; e += blockDim.x) sum += weight[e] * to_float(x[e]);
  return block_sum(sum) + *bias;
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    cross_forward_kernel(int64_t samples, int64_t dim, const T* x0, const T* x, const float* weight,
                         const float* bias, T* y) {
  for (int64_t s = blockIdx.x; s < samples; s += gridDim.x) {
    const int64_t first = s * dim;
    const float factor = factor_of(dim, x + first, weight, bias);
    for (int64_t e = threadIdx.x; e < dim; e += blockDim.x)
      y[first + e] = from_float<T>(to_float(x0[first + e]) * factor + to_float(x[first + e]));
  }
}

// dx0 and dx, where they are wanted, and d = dy . x0 of every sample. A thread writes an element of
// dx0 before that of dx, which may be the same.
template <class T>
__global__ void __launch_bounds__(kBlock)
    cross_backward_kernel(int64_t samples, int64_t dim, const T* x0, const T* x,
                          const float* weight, const float* bias, const T* dy, T* dx0, bool add0,
                          T* dx, bool add, float* slopes) {
  for (int64_t s = blockIdx.x; s < samples; s += gridDim.x) {
    const int64_t first = s * dim;
    const float factor = factor_of(dim, x + first, weight, bias);
    float d = 0;
    for (int64_t e = threadIdx.x; e < dim; e += blockDim.x)
      d += to_float(dy[first + e]) * to_float(x0[first + e]);
    d = block_sum(d);
    if (threadIdx.x == 0) slopes[s] = d;
    for (int64_t e = threadIdx.x; e < dim; e += blockDim.x) {
      const float g = to_float(dy[first + e]);
      if (dx0) put(dx0 + first + e, factor * g, add0);
      if (dx) put(dx + first + e, d * weight[e] + g, add);
    }
  }
}

// d x, with d of the row.
template <class T>
struct SlopeTerms {
  static constexpr int kRows = kVector<T> > 4 ? 2 : 4;
  template <int kWidth>
  struct Fetched {
    Stored<T, kWidth> x;
    float slope;
  };
  const T* x;
  const float* slopes;
  template <int kWidth>
  __device__ int of_columns(int64_t) const {
    return 0;
  }
  template <int kWidth>
  __device__ Fetched<kWidth> fetch(int64_t row, int64_t offset) const {
    return {cu::fetch<kWidth>(x + offset), slopes[row]};
  }
  template <int kWidth, int kCount>
  __device__ void add(int64_t, int64_t, const Fetched<kWidth> (&of)[kCount], int,
                      double (&sums)[1][kWidth]) const {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const Pack<kWidth> v = widened(of[i].x);
      for (int k = 0; k < kWidth; ++k)
        sums[0][k] += static_cast<double>(of[i].slope) * static_cast<double>(v.at[k]);
    }
  }
};

// One block: the order is that of a block's sum.
__global__ void __launch_bounds__(kBlock)
    cross_bias_kernel(int64_t samples, const float* slopes, float* dbias, bool add) {
  double sum = 0;
  for (int64_t s = threadIdx.x; s < samples; s += blockDim.x) sum += static_cast<double>(slopes[s]);
  sum = block_sum(sum);
  if (threadIdx.x == 0) put(dbias, static_cast<float>(sum), add);
}

template <class T>
Status cross_forward(Stream* s, int64_t samples, int64_t dim, const Element* x0, const Element* x,
                     const float* weight, const float* bias, Element* y) noexcept {
  return launch(cross_forward_kernel<T>, grid_of_rows(samples), row_block(dim), 0, s, samples, dim,
                typed<T>(x0), typed<T>(x), weight, bias, typed<T>(y));
}

template <class T>
Status cross_backward(Stream* s, int64_t samples, int64_t dim, const Element* x0, const Element* x,
                      const float* weight, const float* bias, const Element* dy, Element* dx0,
                      Write dx0_write, Element* dx, Write dx_write, float* dweight,
                      Write dweight_write, float* dbias, Write dbias_write, float* slopes,
                      void* scratch) noexcept {
  Status status =
      launch(cross_backward_kernel<T>, grid_of_rows(samples), row_block(dim), 0, s, samples, dim,
             typed<T>(x0), typed<T>(x), weight, bias, typed<T>(dy), typed<T>(dx0),
             dx0_write == Write::add, typed<T>(dx), dx_write == Write::add, slopes);
  if (status == Status::ok && dweight) {
    const bool vectors = dim % kVector<T> == 0 && all_aligned(x);
    status =
        column_sums<1, kVector<T>>(s, samples, dim, vectors, SlopeTerms<T>{typed<T>(x), slopes},
                                   scratch, FloatStore{dweight, dweight_write == Write::add});
  }
  if (status != Status::ok || !dbias) return status;
  return launch(cross_bias_kernel, 1, kBlock, 0, s, samples, slopes, dbias,
                dbias_write == Write::add);
}

}  // namespace

template <class T>
void fill_cross(KernelTable& t) noexcept {
  t.cross_forward = cross_forward<T>;
  t.cross_backward = cross_backward<T>;
}
template void fill_cross<float>(KernelTable&) noexcept;
template void fill_cross<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_cross<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
