#pragma once
// Which device a rank takes.

#include <string>
#include <vector>

namespace trireme {

// What one rank of a node sees: the bus ids of its CUDA devices, by ordinal. Empty: none.
using VisibleDevices = std::vector<std::string>;

struct DeviceAssignment {
  std::vector<int> ordinals;  // by node-local rank; empty when `problem` is not
  std::string problem;        // why it cannot be done
};

// Ranks of one node to devices, a pure function of what all of them see (by node-local rank):
//   * node-local rank r takes its r-th device where all ranks see the same devices;
//   * where the launcher gave each rank its own, it takes the first that it sees;
//   * `wanted`, when not empty, lists the ordinal of each node-local rank instead.
// Two ranks on one device (told by its bus id) are a problem, unless `wanted` says so.
DeviceAssignment assign_devices(const std::vector<VisibleDevices>& seen,
                                const std::vector<int>& wanted);

}  // namespace trireme
