#pragma once
// Neighbouring elements, moved together: 128 bits a thread where addresses and counts allow it,
// which is four floats or eight elements of 2 bytes.

#include "kernels/cuda/own/element.h"

namespace trireme::cu {

// How many T's fill 128 bits.
template <class T>
constexpr int kVector = 16 / static_cast<int>(sizeof(T));

// As they lie in memory; one instruction moves them, or one for every 128 bits.
template <class T, int kWidth>
struct alignas(sizeof(T) * kWidth < 16 ? sizeof(T) * kWidth : 16) Stored {
  T at[kWidth];
};
// As kernels compute with them.
template <int kWidth>
struct Pack {
  float at[kWidth];
};

template <int kWidth, class T>
__device__ inline Stored<T, kWidth> fetch(const T* p) {
  return *reinterpret_cast<const Stored<T, kWidth>*>(p);
}

template <int kWidth, class T>
__device__ inline Pack<kWidth> widened(const Stored<T, kWidth>& stored) {
  Pack<kWidth> v;
  for (int k = 0; k < kWidth; ++k) v.at[k] = to_float(stored.at[k]);
  return v;
}

template <int kWidth, class T>
__device__ inline Pack<kWidth> load(const T* p) {
  return widened(fetch<kWidth>(p));
}

template <int kWidth, class T>
__device__ inline void store(T* p, const Pack<kWidth>& v) {
  Stored<T, kWidth> stored;
  for (int k = 0; k < kWidth; ++k) stored.at[k] = from_float<T>(v.at[k]);
  *reinterpret_cast<Stored<T, kWidth>*>(p) = stored;
}

// store, or add to what is there.
template <int kWidth, class T>
__device__ inline void put(T* p, const Pack<kWidth>& v, bool add) {
  if (!add) return store(p, v);
  Pack<kWidth> sum = load<kWidth>(p);
  for (int k = 0; k < kWidth; ++k) sum.at[k] += v.at[k];
  store(p, sum);
}

inline bool aligned(const void* p, size_t to = 16) {
  return reinterpret_cast<uintptr_t>(p) % to == 0;
}
// Whether all may be read 128 bits at a time. Null is.
template <class... Pointers>
bool all_aligned(const Pointers*... pointers) {
  return (aligned(pointers) && ...);
}

}  // namespace trireme::cu
