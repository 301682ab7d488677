#pragma once
// Sizes of grids and blocks, and the loops that fit them.

#include "kernels/cuda/launch.h"

namespace trireme::cu {

constexpr int kWarp = 32;
// Eight warps: enough to hide latency with several blocks on a multiprocessor, few enough that 255
// registers a thread would still fit one.
constexpr unsigned kBlock = 256;
// Blocks of a grid-stride loop: eight of 256 threads fill a multiprocessor of 2,048, and no device
// of these generations has more than 160.
constexpr int64_t kMostBlocks = 8 * 160;
constexpr int64_t kMostGridY = 65535;  // CUDA's limit in y and z

__host__ __device__ constexpr int64_t ceil_div(int64_t n, int64_t d) { return (n + d - 1) / d; }
__host__ __device__ constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
__host__ __device__ constexpr int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

// Blocks of kBlock threads for a grid-stride loop over `threads` units of work.
inline dim3 grid_for(int64_t threads) {
  return dim3(static_cast<unsigned>(smaller(ceil_div(threads, kBlock), kMostBlocks)));
}
// One block a row, up to a grid's limit in x.
inline dim3 grid_of_rows(int64_t rows) {
  return dim3(static_cast<unsigned>(smaller(rows, (int64_t{1} << 31) - 1)));
}

// Of a grid-stride loop over one axis.
__device__ inline int64_t first_index() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ inline int64_t grid_stride() { return int64_t{gridDim.x} * blockDim.x; }

}  // namespace trireme::cu
