#include <fmt/format.h>

#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "kernels/cuda_plugin.h"
#include "kernels/kernel_table.h"

namespace trireme {
namespace {

void print_cuda_device(int ordinal, const CudaDeviceInfo& d) {
  const std::string free =
      d.memory_free > 0 ? human_bytes(static_cast<double>(d.memory_free)) + " free of " : "";
  fmt::print("cuda {} {}, compute capability {}.{}, {} multiprocessors, {}{}, {}\n       {}\n",
             ordinal, d.name, d.major, d.minor, d.multiprocessors, free,
             human_bytes(static_cast<double>(d.memory_total)), d.bus_id,
             d.usable ? std::string("usable") : fmt::format("not usable: {}", d.reason));
}

void print_cuda(const CudaPlugin& plugin) {
  if (plugin.loaded())
    fmt::print("cuda   driver for CUDA {}, plugin built with CUDA {}\n", plugin.driver(),
               plugin.runtime());
  if (!plugin.reason().empty())
    fmt::print("cuda   not usable: {}\n       hint: {}\n", plugin.reason(), plugin.hint());
  for (int i = 0; i < plugin.devices(); ++i) print_cuda_device(i, plugin.probe(i));
}

}  // namespace

int command_devices(const Args& args) {
  const std::vector<OptionSpec> specs = {};
  const Options options(args, specs);
  if (options.has("--help")) {
    fmt::print("{}", format_help("trireme devices", "Lists what this machine offers.", specs));
    return 0;
  }
  if (!args.empty())
    throw ConfigError("trireme devices takes no arguments, but was given " + args[0],
                      "`trireme devices` alone lists what there is");
  fmt::print("cpu    {} hardware threads, levels: {}; kernels: {}\n",
             std::thread::hardware_concurrency(), cpu_levels(), cpu_kernels().level);
  print_cuda(CudaPlugin::load());
  return 0;
}

}  // namespace trireme
