// A block takes a row: neighbouring threads read neighbouring columns, three passes over a row that
// stays in the first-level cache.
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/loss_sums.h"

namespace trireme::cu {
namespace {

__global__ void __launch_bounds__(kBlock)
    softmax_forward_kernel(int64_t rows, int64_t cols, const float* x, float* y) {
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const float* from = x + r * cols;
    float* to = y + r * cols;
    float top = -INFINITY;
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x) top = Maximum::join(top, from[c]);
    top = block_maximum(top);
    float sum = 0;
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x) sum += to[c] = expf(from[c] - top);
    const float factor = 1.0f / block_sum(sum);
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x) to[c] *= factor;
  }
}

// dx (+)= y (dy - sum over the row of y dy).
__global__ void __launch_bounds__(kBlock)
    softmax_backward_kernel(int64_t rows, int64_t cols, const float* y, const float* dy, float* dx,
                            bool add) {
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const int64_t first = r * cols;
    float dot = 0;
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x) dot += y[first + c] * dy[first + c];
    dot = block_sum(dot);
    for (int64_t c = threadIdx.x; c < cols; c += blockDim.x)
      put(dx + first + c, y[first + c] * (dy[first + c] - dot), add);
  }
}

Status softmax_forward(Stream* s, int64_t rows, int64_t cols, const float* x, float* y) noexcept {
  if (cols == 0) return Status::ok;
  return launch(softmax_forward_kernel, grid_of_rows(rows), row_block(cols), 0, s, rows, cols, x,
                y);
}

Status softmax_backward(Stream* s, int64_t rows, int64_t cols, const float* y, const float* dy,
                        float* dx, Write write) noexcept {
  return launch(softmax_backward_kernel, grid_of_rows(rows), row_block(cols), 0, s, rows, cols, y,
                dy, dx, write == Write::add);
}

}  // namespace

void fill_softmax(KernelTable& t) noexcept {
  t.softmax_forward = softmax_forward;
  t.softmax_backward = softmax_backward;
}

}  // namespace trireme::cu
