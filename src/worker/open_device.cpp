#include "worker/open_device.h"

#include <fmt/format.h>

#include "base/error.h"
#include "kernels/cuda_plugin.h"
#include "worker/agreement.h"
#include "worker/choose_device.h"

namespace trireme {
namespace {

CudaPlugin plugin_for(const std::string& device) {
  if (device == "cpu") return {};
  return device == "auto" ? CudaPlugin::load_where_a_driver_is() : CudaPlugin::load();
}

// What the file asks for and this device cannot do is refused, never replaced by something else.
void refuse_unavailable(const Experiment& e, const DeviceChoice& choice) {
  if (e.train.precision != "fp32")
    throw ConfigError(fmt::format("train.precision = {} is not available on {}", e.train.precision,
                                  choice.ordinal < 0 ? "the CPU" : "a device yet"),
                      "use train.precision = fp32");
}

}  // namespace

OpenedDevice open_device(Communicator& comm, const Experiment& experiment) {
  const CudaPlugin plugin = plugin_for(experiment.run.device);
  const DeviceChoice choice = choose_device(comm, experiment.run, plugin);
  OpenedDevice opened{nullptr, choice.why};
  together(comm, "the start of every rank", experiment.run.timeout, [&] {
    refuse_unavailable(experiment, choice);
    if (choice.ordinal >= 0)
      opened.device = plugin.open(choice.ordinal, experiment.run.reproducible);
  });
  return opened;
}

}  // namespace trireme
