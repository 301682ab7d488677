#include <cuda_runtime_api.h>

#include "kernels/cuda/describe.h"

namespace trireme::cu {
namespace {

__global__ void nothing() {}

}  // namespace

// Asking for the attributes of a kernel makes the driver look for code that fits the device.
int code_runs_here() noexcept {
  cudaFuncAttributes attributes{};
  return cudaFuncGetAttributes(&attributes, nothing);
}

}  // namespace trireme::cu
