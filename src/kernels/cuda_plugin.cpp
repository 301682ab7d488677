#include "kernels/cuda_plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>

namespace trireme {

CudaPlugin find_cuda_plugin() {
  std::error_code ignored;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const auto path = program.parent_path() / "libtrireme_cuda.so";
  if (!std::filesystem::exists(path, ignored))
    return {nullptr,
            fmt::format("not usable: no plugin at {} (built when nvcc is found)", path.string())};
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return {nullptr, fmt::format("not usable: {}", dlerror())};
  const auto function = reinterpret_cast<CudaPluginFunction>(dlsym(library, "trireme_cuda_plugin"));
  if (!function)
    return {nullptr, fmt::format("not usable: {} lacks trireme_cuda_plugin", path.string())};
  CudaPluginEntry entry{};
  function(&entry);
  if (entry.build_id != kPluginBuildId)
    return {nullptr, fmt::format("not usable: {} is of another build of Trireme", path.string())};
  return {entry.table, entry.table ? std::string(entry.table->level)
                                   : fmt::format("not usable: {}", entry.reason)};
}

}  // namespace trireme
