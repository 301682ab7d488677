// A plugin with two devices that are host memory of 1 MiB. The second has too old a capability.
#include <cstdio>
#include <cstring>

#include "kernels/cuda_contract.h"

namespace trireme {

struct DeviceContext {
  bool open;
};

namespace {

constexpr size_t kMemory = 1 << 20;
DeviceContext context{false};
KernelTable kernels{};
DeviceFunctions functions{};
CollectiveFunctions collectives{};

Status describe(int32_t ordinal, CudaDeviceInfo* out) noexcept {
  *out = {};
  std::snprintf(out->name, sizeof out->name, "Fake %d", ordinal);
  std::snprintf(out->bus_id, sizeof out->bus_id, "0000:%02x:00.0", ordinal + 1);
  out->major = ordinal == 0 ? 9 : 7;
  out->multiprocessors = 4;
  out->memory_total = kMemory;
  out->usable = ordinal == 0;
  if (!out->usable) std::strcpy(out->reason, "compute capability 7.0 is too old");
  return Status::ok;
}

Status probe(int32_t ordinal, CudaDeviceInfo* out) noexcept {
  const Status status = describe(ordinal, out);
  out->memory_free = out->usable ? kMemory / 2 : 0;
  return status;
}

DeviceStatus allocate(DeviceContext*, Memory kind, size_t bytes, void** out) noexcept {
  return bytes > kMemory / 2 ? DeviceStatus::out_of_memory
                             : host_functions().allocate(nullptr, kind, bytes, out);
}

Status open(const CudaOpenOptions* options, CudaOpened* out) noexcept {
  CudaDeviceInfo info;
  (void)describe(options->ordinal, &info);
  if (context.open || !info.usable) {
    std::strcpy(out->reason, info.usable ? "already open" : info.reason);
    return Status::failed;
  }
  context.open = true;
  kernels.level = "sm_90";
  kernels.element = element_of(options->precision);
  functions = host_functions();
  functions.last_error = []() noexcept { return "the fake says no"; };
  functions.allocate = allocate;
  functions.memory_state = [](DeviceContext*, size_t* free, size_t* total) noexcept {
    *free = kMemory / 2;
    *total = kMemory;
    return DeviceStatus::ok;
  };
  functions.close = [](DeviceContext* c) noexcept { c->open = false; };
  *out = {&kernels, &functions, &collectives, &context, ""};
  return Status::ok;
}

}  // namespace
}  // namespace trireme

extern "C" void trireme_cuda_plugin(trireme::CudaPluginEntry* out) noexcept {
  out->driver_version = out->runtime_version = 13000;
  out->devices = 2;
  out->describe = trireme::describe;
  out->probe = trireme::probe;
  out->open = trireme::open;
}
