// The second-order term of a factorisation machine (Rendle, ICDM 2010). A thread takes one element
// of the vectors of one sample and walks down their rows: neighbouring threads read neighbouring
// elements. Where the elements are added up, a block takes a sample.
#include "kernels/cuda/own/element.h"
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/loss_sums.h"

namespace trireme::cu {
namespace {

template <class T>
__device__ inline float pairs_of(int64_t rows, int64_t dim, const T* x) {
  float sum = 0, squares = 0;
#pragma unroll 4
  for (int64_t i = 0; i < rows; ++i) {
    const float v = to_float(x[i * dim]);
    sum += v;
    squares += v * v;
  }
  return 0.5f * (sum * sum - squares);
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    fm_forward_kernel(int64_t samples, int64_t rows, int64_t dim, const T* x, T* y) {
  for (int64_t i = first_index(); i < samples * dim; i += grid_stride())
    y[i] = from_float<T>(pairs_of(rows, dim, x + i / dim * rows * dim + i % dim));
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    fm_reduced_kernel(int64_t samples, int64_t rows, int64_t dim, const T* x, T* y) {
  for (int64_t s = blockIdx.x; s < samples; s += gridDim.x) {
    float total = 0;
    for (int64_t e = threadIdx.x; e < dim; e += blockDim.x)
      total += pairs_of(rows, dim, x + s * rows * dim + e);
    total = block_sum(total);
    if (threadIdx.x == 0) y[s] = from_float<T>(total);
  }
}

// dv_i (+)= dy (sum_j v_j - v_i): the rows are read twice, the second time from the first-level
// cache.
template <class T>
__global__ void __launch_bounds__(kBlock)
    fm_backward_kernel(int64_t samples, int64_t rows, int64_t dim, bool reduce, const T* x,
                       const T* dy, T* dx, bool add) {
  for (int64_t i = first_index(); i < samples * dim; i += grid_stride()) {
    const int64_t s = i / dim, first = s * rows * dim + i % dim;
    const float g = to_float(dy[reduce ? s : i]);
    float sum = 0;
#pragma unroll 4
    for (int64_t r = 0; r < rows; ++r) sum += to_float(x[first + r * dim]);
#pragma unroll 4
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t at = first + r * dim;
      put(dx + at, g * (sum - to_float(x[at])), add);
    }
  }
}

template <class T>
Status factorization_machine_forward(Stream* s, int64_t samples, int64_t rows, int64_t dim,
                                     bool reduce, const Element* x, Element* y) noexcept {
  if (reduce)
    return launch(fm_reduced_kernel<T>, grid_of_rows(samples), row_block(dim), 0, s, samples, rows,
                  dim, typed<T>(x), typed<T>(y));
  return launch(fm_forward_kernel<T>, grid_for(samples * dim), kBlock, 0, s, samples, rows, dim,
                typed<T>(x), typed<T>(y));
}

template <class T>
Status factorization_machine_backward(Stream* s, int64_t samples, int64_t rows, int64_t dim,
                                      bool reduce, const Element* x, const Element* dy, Element* dx,
                                      Write write) noexcept {
  return launch(fm_backward_kernel<T>, grid_for(samples * dim), kBlock, 0, s, samples, rows, dim,
                reduce, typed<T>(x), typed<T>(dy), typed<T>(dx), write == Write::add);
}

}  // namespace

template <class T>
void fill_factorization_machine(KernelTable& t) noexcept {
  t.factorization_machine_forward = factorization_machine_forward<T>;
  t.factorization_machine_backward = factorization_machine_backward<T>;
}
template void fill_factorization_machine<float>(KernelTable&) noexcept;
template void fill_factorization_machine<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_factorization_machine<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
