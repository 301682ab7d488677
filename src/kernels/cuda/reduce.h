#pragma once
// Reductions of a warp and of a block. The order depends on the block's size alone, so that the
// same launch gives the same bits.

#include "kernels/cuda/grid.h"

namespace trireme::cu {

constexpr unsigned kAllLanes = 0xffffffffu;

struct Sum {
  template <class T>
  __device__ static T join(T a, T b) {
    return a + b;
  }
};
// NaN wins.
struct Maximum {
  __device__ static float join(float a, float b) { return b > a || b != b ? b : a; }
};

// join over the warp by butterflies; every lane gets the result. `Join::join` must commute.
template <class Join, class T>
__device__ inline T warp_reduce(T v) {
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    v = Join::join(v, __shfl_xor_sync(kAllLanes, v, offset));
  }
  return v;
}

// Bytes of shared memory that block_reduce() uses in a block of any size: one value a warp.
constexpr int kMostWarps = 32;

// join over the block; every thread gets the result and must call. First within warps, then each
// warp over all warps' results. `neutral` stands for warps that are not there.
template <class Join, class T>
__device__ inline T block_reduce(T v, T neutral) {
  TRIREME_SHARED(T, of_warp, kMostWarps);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  v = warp_reduce<Join>(v);
  if (warps == 1) return v;
  if (lane == 0) of_warp[static_cast<int>(threadIdx.x) / kWarp] = v;
  __syncthreads();
  const T all = warp_reduce<Join>(lane < warps ? of_warp[lane] : neutral);
  __syncthreads();  // the next reduction writes of_warp again
  return all;
}

template <class T>
__device__ inline T block_sum(T v) {
  return block_reduce<Sum>(v, T{0});
}
__device__ inline float block_maximum(float v) { return block_reduce<Maximum>(v, -INFINITY); }

}  // namespace trireme::cu
