// A plugin of another build: it writes its build id and nothing else.
#include "kernels/cuda_contract.h"

extern "C" void trireme_cuda_plugin(trireme::CudaPluginEntry* out) noexcept {
  out->build_id = TRIREME_BUILD_ID + 1;
}
