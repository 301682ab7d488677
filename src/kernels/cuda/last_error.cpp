#include "kernels/cuda/last_error.h"

#include <cstdio>

namespace trireme::cu {
namespace {

thread_local char text[512] = "";

}  // namespace

const char* last_error() noexcept { return text; }

void keep_error(const char* call, const char* reason) noexcept {
  (void)std::snprintf(text, sizeof text, "%s: %s", call, reason);
}

DeviceStatus status_of(cudaError_t rc, const char* call) noexcept {
  if (rc == cudaSuccess) return DeviceStatus::ok;
  if (rc == cudaErrorNotReady) return DeviceStatus::not_ready;
  (void)std::snprintf(text, sizeof text, "%s: %s (%s)", call, cudaGetErrorName(rc),
                      cudaGetErrorString(rc));
  (void)cudaGetLastError();
  return rc == cudaErrorMemoryAllocation ? DeviceStatus::out_of_memory : DeviceStatus::failed;
}

}  // namespace trireme::cu
