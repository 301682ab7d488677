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

Precision precision_of(const std::string& name) {
  if (name == "tf32") return Precision::tf32;
  if (name == "bf16") return Precision::bf16;
  return name == "fp16" ? Precision::fp16 : Precision::fp32;
}

// What the file asks for and this device cannot do is refused, never replaced by something else.
void refuse_unavailable(const Experiment& e, const DeviceChoice& choice) {
  const std::string& precision = e.train.precision;
  if (choice.ordinal < 0 && precision != "fp32")
    throw ConfigError(fmt::format("train.precision = {} is not available on the CPU", precision),
                      "use train.precision = fp32, or run.device = cuda");
  if (precision == "fp16")
    throw ConfigError("train.precision = fp16 needs loss scaling, which is not there yet",
                      "use train.precision = bf16, whose range is fp32's");
}

}  // namespace

OpenedDevice open_device(Communicator& comm, const Experiment& experiment) {
  const CudaPlugin plugin = plugin_for(experiment.run.device);
  const DeviceChoice choice = choose_device(comm, experiment.run, plugin);
  OpenedDevice opened{nullptr, choice.why};
  together(comm, "the start of every rank", experiment.run.timeout, [&] {
    refuse_unavailable(experiment, choice);
    if (choice.ordinal >= 0)
      opened.device = plugin.open(choice.ordinal, experiment.run.reproducible,
                                  precision_of(experiment.train.precision));
  });
  return opened;
}

}  // namespace trireme
