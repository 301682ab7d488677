#pragma once
// y[i] = f(x0[i], x1[i], ...) for n elements, in a grid-stride loop. A thread reads its elements of
// every input before it writes, so y may be one of them. 128-bit loads and stores with a scalar
// tail where all pointers allow it, else one element a thread; both are coalesced.

#include "kernels/cuda/own/vectors.h"

namespace trireme::cu {

template <class In>
struct Inputs {
  const In* x[3];
};

// f(v) for the elements [i, i + kWidth), v[j] being input j's element.
template <int kInputs, int kWidth, class In, class Out, class F>
__device__ void map_at(int64_t i, const Inputs<In>& in, Out* y, const F& f) {
  Pack<kWidth> x[kInputs > 0 ? kInputs : 1];
  for (int j = 0; j < kInputs; ++j) x[j] = load<kWidth>(in.x[j] + i);
  Pack<kWidth> result;
  for (int k = 0; k < kWidth; ++k) {
    float v[kInputs > 0 ? kInputs : 1];
    for (int j = 0; j < kInputs; ++j) v[j] = x[j].at[k];
    result.at[k] = f(v);
  }
  store(y + i, result);
}

template <int kInputs, int kWidth, class In, class Out, class F>
__global__ void __launch_bounds__(kBlock) map_kernel(int64_t n, Inputs<In> in, Out* y, F f) {
  const int64_t packs = n / kWidth;
  for (int64_t i = first_index(); i < packs; i += grid_stride()) {
    map_at<kInputs, kWidth>(i * kWidth, in, y, f);
  }
  const int64_t tail = packs * kWidth + first_index();  // fewer than kWidth elements
  if (tail < n) map_at<kInputs, 1>(tail, in, y, f);
}

template <int kInputs, class In, class Out, class F>
Status map(Stream* stream, int64_t n, const Inputs<In>& in, Out* y, const F& f) noexcept {
  if (n <= 0) return Status::ok;
  constexpr int kWidth = kVector < In >> kVector<Out> ? kVector<In> : kVector<Out>;
  if (all_aligned(in.x[0], in.x[1], in.x[2], y)) {
    return launch(map_kernel<kInputs, kWidth, In, Out, F>, grid_for(ceil_div(n, kWidth)), kBlock, 0,
                  stream, n, in, y, f);
  }
  return launch(map_kernel<kInputs, 1, In, Out, F>, grid_for(n), kBlock, 0, stream, n, in, y, f);
}

}  // namespace trireme::cu
