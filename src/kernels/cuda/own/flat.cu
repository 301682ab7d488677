#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/vectors.h"
#include "kernels/cuda/reduce.h"

namespace trireme::cu {
namespace {

// A block takes a chunk: 16 elements a thread, four at a time, in fp64. The square of a float is
// finite there, so only an x that is not finite can spoil the sum.
template <int kWidth>
__global__ void __launch_bounds__(kBlock)
    sums_of_squares_kernel(int64_t n, const float* x, double* partials) {
  for (int64_t chunk = blockIdx.x; chunk * kSumChunk < n; chunk += gridDim.x) {
    const float* from = x + chunk * kSumChunk;
    const int64_t count = smaller(kSumChunk, n - chunk * kSumChunk);
    const int64_t packs = count / kWidth;
    double sum = 0;
    for (int64_t i = threadIdx.x; i < packs; i += blockDim.x) {
      const Pack<kWidth> v = load<kWidth>(from + i * kWidth);
      for (int k = 0; k < kWidth; ++k)
        sum += static_cast<double>(v.at[k]) * static_cast<double>(v.at[k]);
    }
    const int64_t tail = packs * kWidth + threadIdx.x;
    if (tail < count) sum += static_cast<double>(from[tail]) * static_cast<double>(from[tail]);
    sum = block_sum(sum);
    if (threadIdx.x == 0) partials[chunk] = sum;
  }
}

Status sums_of_squares(Stream* s, int64_t n, const float* x, double* partials) noexcept {
  return launch(aligned(x) ? sums_of_squares_kernel<4> : sums_of_squares_kernel<1>,
                grid_of_rows(ceil_div(n, kSumChunk)), kBlock, 0, s, n, x, partials);
}

}  // namespace

void fill_flat(KernelTable& t) noexcept { t.sums_of_squares = sums_of_squares; }

}  // namespace trireme::cu
