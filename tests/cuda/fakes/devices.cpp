// A plugin with two devices that are host memory of 1 MiB. The second has too old a capability.
#include <cstring>

#include "cuda/fakes/entry.h"

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

CudaDeviceInfo describe(int32_t ordinal) {
  return ordinal == 0 ? fakes::device("Fake 0", 1, 9, kMemory)
                      : fakes::device("Fake 1", 2, 7, kMemory, "compute capability 7.0 is too old");
}

DeviceStatus allocate(DeviceContext*, Memory kind, size_t bytes, void** out) noexcept {
  return bytes > kMemory / 2 ? DeviceStatus::out_of_memory
                             : host_functions().allocate(nullptr, kind, bytes, out);
}

Status open(const CudaOpenOptions* options, CudaOpened* out) noexcept {
  const CudaDeviceInfo info = describe(options->ordinal);
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
  trireme::fakes::fill_entry<trireme::describe>(2, trireme::open, out);
}
