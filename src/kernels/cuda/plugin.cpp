// libtrireme_cuda.so's one C symbol: what is there, or why nothing is.

#include <cuda_runtime_api.h>

#include <cstdio>

#include "kernels/cuda/context.h"
#include "kernels/cuda/describe.h"
#include "kernels/cuda/reason.h"

namespace trireme::cu {
namespace {

constexpr uint64_t kBuildId = TRIREME_BUILD_ID;

int major(int version) { return version / 1000; }
int minor(int version) { return version % 1000 / 10; }

// Why the runtime found no devices. `rc` is what cudaGetDeviceCount returned.
void explain(CudaPluginEntry* out, cudaError_t rc) noexcept {
  const int driver = out->driver_version, runtime = out->runtime_version;
  if (driver == 0)
    say(out->reason, "no CUDA driver on this machine (libcuda.so.1 was not found)");
  else if (rc == cudaErrorInsufficientDriver)
    say(out->reason, "the driver is too old: it knows CUDA %d.%d, the plugin was built with %d.%d",
        major(driver), minor(driver), major(runtime), minor(runtime));
  else if (rc == cudaErrorNoDevice || rc == cudaSuccess)
    say(out->reason,
        "no CUDA device: the driver is there (CUDA %d.%d) but shows none to this process "
        "(CUDA_VISIBLE_DEVICES?)",
        major(driver), minor(driver));
  else
    say(out->reason, "cudaGetDeviceCount failed: %s (%s)", cudaGetErrorName(rc),
        cudaGetErrorString(rc));
}

}  // namespace
}  // namespace trireme::cu

// out->build_id is the caller's. With another one, what lies behind that word is laid out
// differently there: nothing else is written.
extern "C" __attribute__((visibility("default"))) void trireme_cuda_plugin(
    trireme::CudaPluginEntry* out) noexcept {
  using namespace trireme;
  const bool same = out->build_id == cu::kBuildId;
  out->build_id = cu::kBuildId;
  if (!same) return;
  *out = {};
  out->build_id = cu::kBuildId;
  out->describe = cu::describe;
  out->probe = cu::probe;
  out->open = cu::open;
  (void)cudaDriverGetVersion(&out->driver_version);  // 0: no driver
  (void)cudaRuntimeGetVersion(&out->runtime_version);
  int devices = 0;
  const cudaError_t rc = cudaGetDeviceCount(&devices);
  if (rc == cudaSuccess && devices > 0)
    out->devices = devices;
  else
    cu::explain(out, rc);
}
