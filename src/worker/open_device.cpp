#include "worker/open_device.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "kernels/cuda_plugin.h"
#include "worker/agreement.h"
#include "worker/choose_device.h"

namespace trireme {
namespace {

CudaPlugin plugin_for(const std::string& device) {
  if (device == "cpu") return {};
  return device == "auto" ? CudaPlugin::load_where_a_driver_is() : CudaPlugin::load();
}

Precision precision_of(const std::string& name) {
  if (name == "tf32") return Precision::tf32;
  if (name == "bf16") return Precision::bf16;
  return name == "fp16" ? Precision::fp16 : Precision::fp32;
}

// "": the environment names no place for it.
Path users_cache() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache) return Path(cache) / "trireme";
  const char* home = std::getenv("HOME");
  return home && *home ? Path(home) / ".cache" / "trireme" : Path();
}

CudaPlanning planning_of(const CudaConfig& cuda) {
  if (!cuda.plans.empty()) return {cuda.tune, cuda.plans};
  const Path cache = users_cache();
  return {cuda.tune, cache.empty() ? Path() : cache / "plans"};
}

// What the file asks for and this device cannot do is refused, never replaced by something else.
void refuse_unavailable(const Experiment& e, const DeviceChoice& choice) {
  const std::string& precision = e.train.precision;
  if (choice.ordinal < 0 && precision != "fp32")
    throw ConfigError(fmt::format("train.precision = {} is not available on the CPU", precision),
                      "use train.precision = fp32, or run.device = cuda");
  if (choice.ordinal < 0 && e.cuda.reduce_type != "fp32")
    throw ConfigError(fmt::format("cuda.reduce_type = {} is of gradients between devices, and this "
                                  "job trains on CPUs",
                                  e.cuda.reduce_type),
                      "leave cuda.reduce_type out, or use run.device = cuda");
}

}  // namespace

OpenedDevice open_device(Communicator& comm, const Experiment& experiment) {
  const CudaPlugin plugin = plugin_for(experiment.run.device);
  const DeviceChoice choice = choose_device(comm, experiment.run, plugin);
  OpenedDevice opened{nullptr, choice.why};
  together(comm, "the start of every rank", experiment.run.timeout, [&] {
    refuse_unavailable(experiment, choice);
    if (choice.ordinal >= 0)
      opened.device =
          plugin.open(choice.ordinal, experiment.run.reproducible,
                      precision_of(experiment.train.precision), planning_of(experiment.cuda));
  });
  return opened;
}

}  // namespace trireme
