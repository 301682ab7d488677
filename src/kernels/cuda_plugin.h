#pragma once
// The CUDA plugin, libtrireme_cuda.so, beside the program: loaded when asked for, never linked.

#include <filesystem>
#include <memory>
#include <string>

#include "kernels/cuda_contract.h"
#include "tensor/device.h"

namespace trireme {

// Whether the engines of convolutions are timed when plans are made, and the folder that keeps
// plans ("": none).
struct CudaPlanning {
  bool tune = false;
  std::filesystem::path plans;
};

class CudaPlugin {
 public:
  // Never throws for a plugin or device that is not there: reason() says what is missing.
  static CudaPlugin load(const std::filesystem::path& file = beside_program());
  // The same, but a machine without a driver is told apart before the plugin's libraries are
  // loaded, which takes tenths of a second.
  static CudaPlugin load_where_a_driver_is();
  static std::filesystem::path beside_program();

  // Why there is no device: the plugin was not found, does not load, is of another build; no
  // driver, one that is too old, no device. Empty when there is at least one (each may have its own
  // reason).
  const std::string& reason() const { return reason_; }
  const char* hint() const { return hint_; }  // what to do about the reason
  bool loaded() const { return loaded_; }     // the plugin is there and of this build
  int devices() const { return reason_.empty() ? entry_.devices : 0; }
  std::string driver() const;   // the newest CUDA that the driver knows, as "13.0"; "none"
  std::string runtime() const;  // the CUDA that the plugin was built with

  CudaDeviceInfo describe(int ordinal) const;  // without touching the device
  CudaDeviceInfo probe(int ordinal) const;     // see CudaPluginEntry
  // Throws DeviceError: the device's reason. The plugin stays loaded until the process ends.
  std::unique_ptr<Device> open(int ordinal, bool reproducible,
                               Precision precision = Precision::fp32,
                               const CudaPlanning& planning = {}) const;

 private:
  CudaPluginEntry entry_{};
  std::string reason_;
  const char* hint_ = "";
  bool loaded_ = false;
};

// The CPU as a device, with the kernels of `level` ("": the best of this machine).
std::unique_ptr<Device> make_cpu_device(const std::string& level = "");

}  // namespace trireme
