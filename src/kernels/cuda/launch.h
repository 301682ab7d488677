#pragma once
// How our kernels are launched and where their shared memory comes from. Kernel files include this
// header and no other of CUDA's; the tests put a header of the same name before it, so that the
// same files also run on a CPU (tests/cuda_shim). What both understand is then all that kernels may
// use: this launch(), the two macros below, threadIdx, blockIdx, blockDim and gridDim,
// __syncthreads(), __syncwarp(), __shfl_sync(), __shfl_xor_sync() over full warps, __umulhi(),
// __nv_bfloat16 and __half with their conversions from and to float (to nearest even), and C's
// mathematical functions. Blocks are one-dimensional, of whole warps.

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "kernels/kernel_table.h"

// name: `count` elements of `type`, one array a block, undefined at first.
#define TRIREME_SHARED(type, name, count) __shared__ type name[count]
// name: the block's dynamic shared memory, `shared_bytes` of the launch. One a kernel, 16-byte
// aligned.
#define TRIREME_DYNAMIC_SHARED(type, name)                                \
  extern __shared__ __align__(16) unsigned char trireme_dynamic_shared[]; \
  type* const name = reinterpret_cast<type*>(trireme_dynamic_shared)

namespace trireme::cu {

// Enqueues kernel(arguments...); Stream* is a cudaStream_t. An empty grid launches nothing.
// Status::failed when CUDA refuses; what goes wrong later shows at the next synchronisation.
template <class... Parameters, class... Arguments>
Status launch(void (*kernel)(Parameters...), dim3 grid, unsigned block, size_t shared_bytes,
              Stream* stream, Arguments... arguments) noexcept {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return Status::ok;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(block);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = reinterpret_cast<cudaStream_t>(stream);
  const cudaError_t rc = cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
  return rc == cudaSuccess ? Status::ok : Status::failed;
}

}  // namespace trireme::cu
