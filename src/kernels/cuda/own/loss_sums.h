#pragma once
// What all losses share. The (loss, weight) of a batch: every block adds its part and writes it to
// scratch; one more block adds the blocks' parts. The order is fixed by the batch's shape.

#include "kernels/cuda/reduce.h"

namespace trireme::cu {

constexpr int64_t kMostLossBlocks = 1024;

inline int64_t loss_blocks(int64_t rows) { return smaller(rows, kMostLossBlocks); }
inline size_t loss_scratch(int64_t rows) {
  return static_cast<size_t>(loss_blocks(rows)) * sizeof(LossSums);
}

// Adds the threads' sums up and leaves them in the block's place. All threads call.
__device__ inline void keep_loss_sums(double loss, double weight, LossSums* partials) {
  const double all_loss = block_sum(loss), all_weight = block_sum(weight);
  if (threadIdx.x == 0) partials[blockIdx.x] = {all_loss, all_weight};
}

// One block. Zero blocks give zero sums. In a header because three files launch it.
static __global__ void __launch_bounds__(kBlock)
    loss_finish_kernel(int64_t blocks, const LossSums* partials, LossSums* sums) {
  double loss = 0, weight = 0;
  for (int64_t i = threadIdx.x; i < blocks; i += blockDim.x) {
    loss += partials[i].loss;
    weight += partials[i].weight;
  }
  const double all_loss = block_sum(loss), all_weight = block_sum(weight);
  if (threadIdx.x == 0) *sums = {all_loss, all_weight};
}

// After `first`, which launched `blocks` blocks.
inline Status finish_loss(Stream* s, Status first, int64_t blocks, void* scratch,
                          LossSums* sums) noexcept {
  if (first != Status::ok) return first;
  return launch(loss_finish_kernel, 1, kBlock, 0, s, blocks, static_cast<const LossSums*>(scratch),
                sums);
}

__device__ inline float scale_of(const float* loss_scale) {
  return loss_scale ? *loss_scale : 1.0f;
}

// Threads of a block that takes whole rows: a warp for short ones, so that few lanes idle.
inline unsigned row_block(int64_t cols) { return cols <= 128 ? 32 : (cols <= 1024 ? 128 : kBlock); }

}  // namespace trireme::cu
