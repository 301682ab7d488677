#include "kernels/cuda/context.h"

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <new>

#include "kernels/cuda/describe.h"

namespace trireme::cu {
namespace {

// The process's one open device. Set by open(), cleared by close(); read by kernel table entries.
std::atomic<DeviceContext*> current{nullptr};

Status refuse(CudaOpened* out, const char* reason) noexcept {
  (void)std::snprintf(out->reason, sizeof out->reason, "%s", reason);
  return Status::failed;
}

}  // namespace

DeviceContext* opened() noexcept { return current.load(std::memory_order_acquire); }

Status open(const CudaOpenOptions* options, CudaOpened* out) noexcept {
  *out = {};
  if (opened()) return refuse(out, "this process already uses a device");
  CudaDeviceInfo info{};
  (void)probe(options->ordinal, &info);
  if (!info.usable) return refuse(out, info.reason);
  return refuse(out, "this build of the plugin has no kernels");
}

void close(DeviceContext* context) noexcept {
  if (!context) return;
  current.store(nullptr, std::memory_order_release);
  delete context;
}

}  // namespace trireme::cu
