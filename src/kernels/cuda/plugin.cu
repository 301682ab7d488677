// libtrireme_cuda.so: what `trireme devices` asks about CUDA. It has no kernels yet, so it never
// gives a table; its reason tells driver, device and missing kernels apart. Nothing throws across
// its one C function.

#include <cuda_runtime_api.h>

#include <cstdarg>
#include <cstdio>

#include "kernels/cuda_plugin.h"

namespace trireme::cu {
namespace {

struct Version {  // as CUDA codes it: 1000 major + 10 minor
  int code = 0;
  int major() const { return code / 1000; }
  int minor() const { return code % 1000 / 10; }
};

__attribute__((format(printf, 2, 3))) void say(CudaPluginEntry* out, const char* format,
                                               ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  (void)std::vsnprintf(out->reason, sizeof out->reason, format, arguments);
  va_end(arguments);
}

// The first device, by name and memory.
void describe(CudaPluginEntry* out, int devices) noexcept {
  cudaDeviceProp device{};
  const cudaError_t rc = cudaGetDeviceProperties(&device, 0);
  if (rc != cudaSuccess) {
    say(out, "device 0 of %d does not answer: %s (%s)", devices, cudaGetErrorName(rc),
        cudaGetErrorString(rc));
    return;
  }
  say(out,
      "%d device%s (the first: %s, compute capability %d.%d, %.0f GiB), but this version has no "
      "CUDA kernels yet",
      devices, devices == 1 ? "" : "s", device.name, device.major, device.minor,
      static_cast<double>(device.totalGlobalMem) / (1 << 30));
}

// Why the runtime found no devices. `rc` is what cudaGetDeviceCount returned.
void explain(CudaPluginEntry* out, cudaError_t rc) noexcept {
  Version driver, runtime;
  (void)cudaDriverGetVersion(&driver.code);  // 0: no driver
  (void)cudaRuntimeGetVersion(&runtime.code);
  if (driver.code == 0)
    say(out, "no CUDA driver on this machine (libcuda.so.1 was not found)");
  else if (rc == cudaErrorInsufficientDriver)
    say(out,
        "the driver knows CUDA %d.%d, the plugin was built with %d.%d: a newer driver is needed",
        driver.major(), driver.minor(), runtime.major(), runtime.minor());
  else if (rc == cudaErrorNoDevice || rc == cudaSuccess)
    say(out, "the driver is there (CUDA %d.%d), but it shows no device to this process",
        driver.major(), driver.minor());
  else
    say(out, "cudaGetDeviceCount failed: %s (%s)", cudaGetErrorName(rc), cudaGetErrorString(rc));
}

}  // namespace
}  // namespace trireme::cu

// Fills *out: the build id always; the table, when a device can be used; else the reason.
extern "C" __attribute__((visibility("default"))) void trireme_cuda_plugin(
    trireme::CudaPluginEntry* out) {
  *out = {};
  out->build_id = trireme::kPluginBuildId;
  int devices = 0;
  const cudaError_t rc = cudaGetDeviceCount(&devices);
  if (rc == cudaSuccess && devices > 0)
    trireme::cu::describe(out, devices);
  else
    trireme::cu::explain(out, rc);
}
