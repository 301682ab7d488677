#pragma once
// The text behind DeviceFunctions::last_error, and what CUDA's codes mean to the program.

#include <cuda_runtime_api.h>

#include "tensor/device_functions.h"

namespace trireme::cu {

// Of the calling thread's last failed call; "" when there was none.
const char* last_error() noexcept;

// Keeps "call: reason" as this thread's last error.
void keep_error(const char* call, const char* reason) noexcept;

// rc as a status. A failure is kept as this thread's last error and cleared from CUDA's own, so
// that the next call does not report it again. `call` names the CUDA function.
DeviceStatus status_of(cudaError_t rc, const char* call) noexcept;

}  // namespace trireme::cu
