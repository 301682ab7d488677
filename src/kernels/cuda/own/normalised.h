#pragma once
// What both directions of batch norm share.

#include "kernels/cuda/own/element.h"

namespace trireme::cu {

// What the forward pass computes before the addend. Written out as a fused multiply-add, so that
// backward, which asks for its sign, gets the same bits.
__device__ inline float normalised(float x, float mean, float scale, float beta) {
  return fmaf(x - mean, scale, beta);
}

inline bool has_batch_norm(Activation act) {
  return act == Activation::none || act == Activation::relu;
}

}  // namespace trireme::cu
