#pragma once
#include "kernels/cuda_contract.h"

namespace trireme::cu {

// As CudaPluginEntry says. A device that cannot be used is a reason, not a failure; a failure is an
// ordinal that does not exist.
Status describe(int32_t ordinal, CudaDeviceInfo* out) noexcept;
Status probe(int32_t ordinal, CudaDeviceInfo* out) noexcept;

// cudaSuccess where the current device can run the plugin's code (probe_kernel.cu).
int code_runs_here() noexcept;

}  // namespace trireme::cu
