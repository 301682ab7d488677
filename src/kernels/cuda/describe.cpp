#include "kernels/cuda/describe.h"

#include <cuda_runtime_api.h>

#include <cstdio>

#include "kernels/cuda/reason.h"

namespace trireme::cu {
namespace {

// Oldest compute capability that the plugin has code for, as 10 major + minor.
constexpr int kOldest = TRIREME_CUDA_OLDEST;

bool prohibited(int ordinal) noexcept {
  int mode = cudaComputeModeDefault;
  return cudaDeviceGetAttribute(&mode, cudaDevAttrComputeMode, ordinal) == cudaSuccess &&
         mode == cudaComputeModeProhibited;
}

void copy_properties(const cudaDeviceProp& device, CudaDeviceInfo* out) noexcept {
  (void)std::snprintf(out->name, sizeof out->name, "%s", device.name);
  out->major = device.major;
  out->minor = device.minor;
  out->multiprocessors = device.multiProcessorCount;
  out->memory_total = device.totalGlobalMem;
}

}  // namespace

Status describe(int32_t ordinal, CudaDeviceInfo* out) noexcept {
  *out = {};
  cudaDeviceProp device{};
  cudaError_t rc = cudaGetDeviceProperties(&device, ordinal);
  if (rc == cudaSuccess) rc = cudaDeviceGetPCIBusId(out->bus_id, sizeof out->bus_id, ordinal);
  if (rc != cudaSuccess) {
    say(out->reason, "it does not answer: %s (%s)", cudaGetErrorName(rc), cudaGetErrorString(rc));
    (void)cudaGetLastError();
    return Status::failed;
  }
  copy_properties(device, out);
  if (10 * device.major + device.minor < kOldest)
    say(out->reason, "compute capability %d.%d; the plugin has code for %d.%d and newer",
        device.major, device.minor, kOldest / 10, kOldest % 10);
  else if (prohibited(ordinal))
    say(out->reason, "its compute mode is Prohibited (nvidia-smi -c changes it)");
  out->usable = out->reason[0] == '\0';
  return Status::ok;
}

Status probe(int32_t ordinal, CudaDeviceInfo* out) noexcept {
  const Status status = describe(ordinal, out);
  if (status != Status::ok || !out->usable) return status;
  size_t free = 0, total = 0;
  cudaError_t rc = cudaSetDevice(ordinal);
  if (rc == cudaSuccess) rc = cudaMemGetInfo(&free, &total);
  if (rc == cudaSuccess) rc = static_cast<cudaError_t>(code_runs_here());
  out->memory_free = free;
  if (rc == cudaErrorNoKernelImageForDevice)
    say(out->reason, "the plugin has no code for compute capability %d.%d", out->major, out->minor);
  else if (rc == cudaErrorDevicesUnavailable)
    say(out->reason, "another process holds it (its compute mode is Exclusive)");
  else if (rc != cudaSuccess)
    say(out->reason, "%s (%s)", cudaGetErrorName(rc), cudaGetErrorString(rc));
  (void)cudaGetLastError();
  out->usable = out->reason[0] == '\0';
  return Status::ok;
}

}  // namespace trireme::cu
