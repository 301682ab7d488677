#pragma once
// The CUDA plugin, libtrireme_cuda.so, beside the program: loaded when asked for, never linked.

#include <string>

#include "kernels/kernel_table.h"

namespace trireme {

// The plugin's one C symbol, `trireme_cuda_plugin`. A plugin of another build is refused.
struct CudaPluginEntry {
  uint64_t build_id;
  const KernelTable* table;  // null: no usable device; `reason` says why
  char reason[256];
};
extern "C" using CudaPluginFunction = void(*)(CudaPluginEntry * out);

// Identifies the layout of KernelTable that both sides were compiled with (a hash of
// kernel_table.h).
constexpr uint64_t kPluginBuildId = TRIREME_BUILD_ID;

struct CudaPlugin {
  const KernelTable* table = nullptr;  // null: not usable
  std::string status;                  // for `trireme devices`: what is there or why not
};
CudaPlugin find_cuda_plugin();

}  // namespace trireme
