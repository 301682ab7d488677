// A plugin on a machine without a device.
#include <cstring>

#include "kernels/cuda_contract.h"

extern "C" void trireme_cuda_plugin(trireme::CudaPluginEntry* out) noexcept {
  out->driver_version = 12040;
  out->runtime_version = 13000;
  std::strcpy(out->reason, "no CUDA device: a reason from the plugin");
}
