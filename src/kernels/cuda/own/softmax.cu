// A block takes a row: neighbouring threads read neighbouring columns, three passes over a row that
// stays in the first-level cache.
#include "kernels/cuda/own/element.h"
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/loss_sums.h"

namespace trireme::cu {
namespace {

template <class T>
__global__ void __launch_bounds__(kBlock)
    softmax_forward_kernel(int64_t rows, int64_t cols, const T* x, T* y) {
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const T* from = x + r * cols;
    T* to = y + r * cols;
    float top = -INFINITY;
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x)
      top = Maximum::join(top, to_float(from[c]));
    top = block_maximum(top);
    float sum = 0;
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x) sum += expf(to_float(from[c]) - top);
    const float factor = 1.0f / block_sum(sum);
    // The exponential again, and not kept in y: y is rounded once.
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x)
      to[c] = from_float<T>(expf(to_float(from[c]) - top) * factor);
  }
}

// dx (+)= y (dy - sum over the row of y dy).
template <class T>
__global__ void __launch_bounds__(kBlock)
    softmax_backward_kernel(int64_t rows, int64_t cols, const T* y, const T* dy, T* dx, bool add) {
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const int64_t first = r * cols;
    float dot = 0;
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x)
      dot += to_float(y[first + c]) * to_float(dy[first + c]);
    dot = block_sum(dot);
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x)
      put(dx + first + c, to_float(y[first + c]) * (to_float(dy[first + c]) - dot), add);
  }
}

template <class T>
Status softmax_forward(Stream* s, int64_t rows, int64_t cols, const Element* x,
                       Element* y) noexcept {
  if (cols == 0) return Status::ok;
  return launch(softmax_forward_kernel<T>, grid_of_rows(rows), row_block(cols), 0, s, rows, cols,
                typed<T>(x), typed<T>(y));
}

template <class T>
Status softmax_backward(Stream* s, int64_t rows, int64_t cols, const Element* y, const Element* dy,
                        Element* dx, Write write) noexcept {
  return launch(softmax_backward_kernel<T>, grid_of_rows(rows), row_block(cols), 0, s, rows, cols,
                typed<T>(y), typed<T>(dy), typed<T>(dx), write == Write::add);
}

}  // namespace

template <class T>
void fill_softmax(KernelTable& t) noexcept {
  t.softmax_forward = softmax_forward<T>;
  t.softmax_backward = softmax_backward<T>;
}
template void fill_softmax<float>(KernelTable&) noexcept;
template void fill_softmax<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_softmax<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
