#pragma once
// One or four neighbouring floats, moved by one instruction: 128 bits a thread where addresses and
// counts allow it.

#include "kernels/cuda/grid.h"

namespace trireme::cu {

template <int kWidth>
struct Pack {
  float at[kWidth];
};

template <int kWidth>
__device__ inline Pack<kWidth> load(const float* p) {
  static_assert(kWidth == 1 || kWidth == 4);
  if constexpr (kWidth == 4) {
    const float4 v = *reinterpret_cast<const float4*>(p);
    return {v.x, v.y, v.z, v.w};
  } else {
    return {*p};
  }
}

template <int kWidth>
__device__ inline void store(float* p, const Pack<kWidth>& v) {
  if constexpr (kWidth == 4) {
    *reinterpret_cast<float4*>(p) = make_float4(v.at[0], v.at[1], v.at[2], v.at[3]);
  } else {
    *p = v.at[0];
  }
}

// store, or add to what is there.
template <int kWidth>
__device__ inline void put(float* p, const Pack<kWidth>& v, bool add) {
  if (!add) return store(p, v);
  Pack<kWidth> sum = load<kWidth>(p);
  for (int k = 0; k < kWidth; ++k) sum.at[k] += v.at[k];
  store(p, sum);
}

inline bool aligned(const void* p, size_t to = 16) {
  return reinterpret_cast<uintptr_t>(p) % to == 0;
}
// Whether all may be read four floats at a time. Null is.
template <class... Pointers>
bool all_aligned(const Pointers*... pointers) {
  return (aligned(pointers) && ...);
}

}  // namespace trireme::cu
