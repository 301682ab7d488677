#pragma once
// The device that run.device asks for, agreed on by all ranks.

#include <string>

#include "comm/communicator.h"
#include "config/experiment.h"
#include "kernels/cuda_plugin.h"

namespace trireme {

struct DeviceChoice {
  int ordinal = -1;  // CUDA device of this rank; -1: the CPU
  std::string why;   // for the log: "cpu (run.device = auto: there is no plugin at ...)"
};

// Every rank must call. run.device = cuda throws the same DeviceError on all ranks when one of them
// has no device; auto takes CUDA where every rank has one, else the CPU. `plugin` is asked only
// when run.device is not cpu.
DeviceChoice choose_device(Communicator& comm, const RunConfig& run, const CudaPlugin& plugin);

}  // namespace trireme
