#include <fmt/format.h>

#include <thread>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "kernels/cuda_plugin.h"
#include "kernels/kernel_table.h"

namespace trireme {

int command_devices(const Args& args) {
  const std::vector<OptionSpec> specs = {};
  const Options options(args, specs);
  if (options.has("--help")) {
    fmt::print("{}", format_help("trireme devices", "Lists what this machine offers.", specs));
    return 0;
  }
  fmt::print("cpu    {} hardware threads, levels: {}; kernels: {}\n",
             std::thread::hardware_concurrency(), cpu_levels(), cpu_kernels().level);
  const CudaPlugin plugin = find_cuda_plugin();
  fmt::print("cuda   {}\n", plugin.status);
  return 0;
}

}  // namespace trireme
