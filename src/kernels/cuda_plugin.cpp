#include "kernels/cuda_plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"

namespace trireme {
namespace {

constexpr uint64_t kBuildId = TRIREME_BUILD_ID;
constexpr auto kBuildHint =
    "build the whole program again; the plugin is built where nvcc is found (-DTRIREME_CUDA=on "
    "says what is missing)";
constexpr auto kMachineHint = "use run.device = cpu, or start on a machine with a GPU that works";

void warn(const char* line) noexcept { log_line(LogLevel::warning, line); }

std::string version_text(int code) {
  return code == 0 ? "none" : fmt::format("{}.{}", code / 1000, code % 1000 / 10);
}

// Never closed: what the plugin's libraries registered at exit must stay callable.
void* load_library(const std::filesystem::path& file, std::string& reason) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    reason = fmt::format("there is no plugin at {}", file.string());
    return nullptr;
  }
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) reason = fmt::format("the plugin does not load: {}", dlerror());
  return library;
}

}  // namespace

std::filesystem::path CudaPlugin::beside_program() {
  std::error_code ignored;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  return program.parent_path() / "libtrireme_cuda.so";
}

CudaPlugin CudaPlugin::load(const std::filesystem::path& file) {
  CudaPlugin plugin;
  plugin.hint_ = kBuildHint;
  void* library = load_library(file, plugin.reason_);
  if (!library) return plugin;
  const auto fill = reinterpret_cast<CudaPluginFunction>(dlsym(library, "trireme_cuda_plugin"));
  if (!fill) {
    plugin.reason_ =
        fmt::format("{} is no plugin of Trireme: it lacks trireme_cuda_plugin", file.string());
    return plugin;
  }
  plugin.entry_.build_id = kBuildId;
  fill(&plugin.entry_);
  if (plugin.entry_.build_id != kBuildId) {
    plugin.reason_ =
        fmt::format("{} is of another build: its contract is {:016x}, the program's {:016x}",
                    file.string(), plugin.entry_.build_id, kBuildId);
    return plugin;
  }
  plugin.loaded_ = true;
  plugin.hint_ = kMachineHint;
  if (plugin.entry_.devices == 0) plugin.reason_ = plugin.entry_.reason;
  return plugin;
}

CudaPlugin CudaPlugin::load_where_a_driver_is() {
  if (dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL))
    return load();  // stays open: the plugin needs it
  CudaPlugin plugin;
  plugin.reason_ = "no CUDA driver on this machine (libcuda.so.1 was not found)";
  plugin.hint_ = kMachineHint;
  return plugin;
}

std::string CudaPlugin::driver() const { return version_text(entry_.driver_version); }
std::string CudaPlugin::runtime() const { return version_text(entry_.runtime_version); }

CudaDeviceInfo CudaPlugin::describe(int ordinal) const {
  CudaDeviceInfo info{};
  (void)entry_.describe(ordinal, &info);  // a failure is in usable and reason
  return info;
}

CudaDeviceInfo CudaPlugin::probe(int ordinal) const {
  CudaDeviceInfo info{};
  (void)entry_.probe(ordinal, &info);
  return info;
}

std::unique_ptr<Device> CudaPlugin::open(int ordinal, bool reproducible, Precision precision,
                                         const CudaPlanning& planning) const {
  if (!reason_.empty()) throw DeviceError(reason_, hint_);
  const CudaOpenOptions options{.ordinal = ordinal,
                                .reproducible = reproducible,
                                .precision = precision,
                                .tune = planning.tune,
                                .plans = planning.plans.c_str(),
                                .warn = warn};
  CudaOpened opened{};
  if (entry_.open(&options, &opened) != Status::ok)
    throw DeviceError(fmt::format("CUDA device {} cannot be opened: {}", ordinal, opened.reason),
                      "`trireme devices` says more");
  const CudaDeviceInfo info = describe(ordinal);
  return std::make_unique<Device>(*opened.functions, opened.context, *opened.kernels,
                                  fmt::format("cuda {} ({})", ordinal, info.name),
                                  DeviceLinks{opened.collectives, info.bus_id});
}

std::unique_ptr<Device> make_cpu_device(const std::string& level) {
  return std::make_unique<Device>(host_functions(), nullptr, cpu_kernels(level.c_str()), "cpu");
}

}  // namespace trireme
