#pragma once
// What src/kernels/cuda/launch.h is to nvcc, for a C++ compiler: the same words, run by
// cuda_shim/execution.h. In the include path before src/, so that kernel files need not ask.
// Not here, therefore not in our kernels: inline PTX, asynchronous copies, cooperative groups,
// clusters, partial warps, atomics, and blocks that wait for each other.

#include "cuda_shim/execution.h"
#include "cuda_shim/recording.h"
#include "kernels/kernel_table.h"

#define TRIREME_SHARED(type, name, count)       \
  static constexpr char name##_declaration = 0; \
  const ::trireme::cuda_shim::SharedArray<type, count> name(&name##_declaration)
#define TRIREME_DYNAMIC_SHARED(type, name) \
  type* const name = static_cast<type*>(::trireme::cuda_shim::dynamic_shared_memory())

inline void __syncthreads(trireme::cuda_shim::Where where = trireme::cuda_shim::Where::current()) {
  trireme::cuda_shim::wait_for_block(where);
}

inline void require_full_warp(unsigned mask) {
  if (mask != 0xffffffffu) trireme::cuda_shim::fault("a warp operation on a part of the warp");
}

template <class T>
T __shfl_sync(unsigned mask, T value, int lane,
              trireme::cuda_shim::Where where = trireme::cuda_shim::Where::current()) {
  require_full_warp(mask);
  trireme::cuda_shim::exchange_in_warp(&value, sizeof value, lane % 32, where);
  return value;
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes,
                  trireme::cuda_shim::Where where = trireme::cuda_shim::Where::current()) {
  return __shfl_sync(mask, value, static_cast<int>(threadIdx.x % 32) ^ lanes, where);
}

inline void __syncwarp(unsigned mask = 0xffffffffu,
                       trireme::cuda_shim::Where where = trireme::cuda_shim::Where::current()) {
  __shfl_sync(mask, 0, 0, where);
}

namespace trireme::cu {

template <class... Parameters, class... Arguments>
Status launch(void (*kernel)(Parameters...), dim3 grid, unsigned block, size_t shared_bytes,
              Stream*, Arguments... arguments) noexcept {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return Status::ok;
  const auto work = [=] {
    auto call = [&] { kernel(static_cast<Parameters>(arguments)...); };
    const auto run = [](void* closure) { (*static_cast<decltype(call)*>(closure))(); };
    return cuda_shim::run_grid(grid, block, shared_bytes, run, &call);
  };
  if (!cuda_shim::recording()) return work() ? Status::ok : Status::failed;
  cuda_shim::record(work);
  return Status::ok;
}

}  // namespace trireme::cu
