// A plugin whose one device is host memory, on which our CUDA kernels run by the shim and the
// libraries' part is the CPU's. In fp32, and without other ranks.
#include <cstring>

#include "cuda_shim/recording.h"
#include "kernels/cuda_contract.h"

namespace trireme {

namespace {

CollectiveFunctions collectives{};

Status describe(int32_t, CudaDeviceInfo* out) noexcept {
  *out = {};
  std::strcpy(out->name, "the shim");
  std::strcpy(out->bus_id, "0000:01:00.0");
  out->major = 9;
  out->multiprocessors = 1;
  size_t free = 0, total = 0;
  (void)host_functions().memory_state(nullptr, &free, &total);
  out->memory_total = total;
  out->usable = 1;
  return Status::ok;
}

Status probe(int32_t ordinal, CudaDeviceInfo* out) noexcept {
  const Status status = describe(ordinal, out);
  out->memory_free = out->memory_total / 2;
  return status;
}

Status open(const CudaOpenOptions* options, CudaOpened* out) noexcept {
  if (options->precision != Precision::fp32) {
    std::strcpy(out->reason, "the shim has fp32 alone");
    return Status::failed;
  }
  *out = {&cuda_shim::kernels_with_cpu_plans(), &cuda_shim::functions(), &collectives,
          cuda_shim::context(), ""};
  return Status::ok;
}

}  // namespace
}  // namespace trireme

extern "C" void trireme_cuda_plugin(trireme::CudaPluginEntry* out) noexcept {
  out->driver_version = out->runtime_version = 13000;
  out->devices = 1;
  out->describe = trireme::describe;
  out->probe = trireme::probe;
  out->open = trireme::open;
}
