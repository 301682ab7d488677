#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/vectors.h"
#include "kernels/cuda/reduce.h"

namespace trireme::cu {
namespace {

// A block takes a chunk: 16 elements a thread, all fetched before the first is used. In fp64: the
// square of a float is finite there, so only an x that is not finite can spoil the sum.
template <int kWidth>
__global__ void __launch_bounds__(kBlock)
    sums_of_squares_kernel(int64_t n, const float* x, double* partials) {
  constexpr int kLoads = static_cast<int>(kSumChunk / kBlock) / kWidth;
  for (int64_t chunk = blockIdx.x; chunk * kSumChunk < n; chunk += gridDim.x) {
    const float* from = x + chunk * kSumChunk;
    const int64_t count = smaller(kSumChunk, n - chunk * kSumChunk);
    const int64_t packs = count / kWidth;
    Pack<kWidth> v[kLoads];
#pragma unroll
    for (int j = 0; j < kLoads; ++j) {
      const int64_t i = threadIdx.x + int64_t{j} * kBlock;
      v[j] = i < packs ? load<kWidth>(from + i * kWidth) : Pack<kWidth>{};
    }
    double sum = 0;
#pragma unroll
    for (int j = 0; j < kLoads; ++j) {
      for (int k = 0; k < kWidth; ++k)
        sum += static_cast<double>(v[j].at[k]) * static_cast<double>(v[j].at[k]);
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
