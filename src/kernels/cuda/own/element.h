#pragma once
// What an Element (kernel_table.h) is to a kernel: a T, which is float, __nv_bfloat16 or __half.
// Kernels compute with floats; T is only how they read and write.

#include "kernels/cuda/grid.h"

namespace trireme::cu {

__device__ inline float to_float(float v) { return v; }
__device__ inline float to_float(__nv_bfloat16 v) { return __bfloat162float(v); }
__device__ inline float to_float(__half v) { return __half2float(v); }

// To nearest even; what is beyond T's largest number becomes infinite.
template <class T>
__device__ inline T from_float(float v);
template <>
__device__ inline float from_float<float>(float v) {
  return v;
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float v) {
  return __float2bfloat16_rn(v);
}
template <>
__device__ inline __half from_float<__half>(float v) {
  return __float2half_rn(v);
}

// The largest number that from_float() makes 0: half of the smallest above 0, which is tied and 0
// is even.
template <class T>
constexpr float kLargestZero = 0;
template <>
inline constexpr float kLargestZero<__nv_bfloat16> = 0x1p-134f;
template <>
inline constexpr float kLargestZero<__half> = 0x1p-25f;

// Stores value, or adds it to what is there.
template <class T>
__device__ inline void put(T* y, float value, bool add) {
  *y = from_float<T>(add ? to_float(*y) + value : value);
}

// The kernel table's pointers, as what they point to.
template <class T>
const T* typed(const Element* p) {
  return reinterpret_cast<const T*>(p);
}
template <class T>
T* typed(Element* p) {
  return reinterpret_cast<T*>(p);
}

}  // namespace trireme::cu
