// A plugin whose one device is host memory, on which our CUDA kernels run by the shim and the
// libraries' part is the CPU's. In fp32; ranks are on one host.
#include <cstring>

#include "cuda/fakes/entry.h"
#include "cuda/fakes/shared_collectives.h"
#include "cuda_shim/recording.h"

namespace trireme {
namespace {

CudaDeviceInfo describe(int32_t) {
  size_t free = 0, total = 0;
  (void)host_functions().memory_state(nullptr, &free, &total);
  return fakes::device("the shim", 1, 9, total);
}

Status open(const CudaOpenOptions* options, CudaOpened* out) noexcept {
  if (options->precision != Precision::fp32) {
    std::strcpy(out->reason, "the shim has fp32 alone");
    return Status::failed;
  }
  *out = {&cuda_shim::kernels_with_cpu_plans(), &cuda_shim::functions(),
          &cuda_shim::shared_collectives(), cuda_shim::context(), ""};
  return Status::ok;
}

}  // namespace
}  // namespace trireme

extern "C" void trireme_cuda_plugin(trireme::CudaPluginEntry* out) noexcept {
  trireme::fakes::fill_entry<trireme::describe>(1, trireme::open, out);
}
