#pragma once
// The device of this rank, chosen by all ranks together and opened.

#include <memory>
#include <string>

#include "comm/communicator.h"
#include "config/experiment.h"
#include "tensor/device.h"

namespace trireme {

struct OpenedDevice {
  std::unique_ptr<Device> device;  // null: lanes on the CPU
  std::string why;                 // for the log, as "cuda 0 (NVIDIA H200)"
};

// Every rank must call. Throws what choose_device() throws, and on all ranks the same AgreedError
// when a device does not open or cannot do what the experiment asks for.
OpenedDevice open_device(Communicator& comm, const Experiment& experiment);

}  // namespace trireme
