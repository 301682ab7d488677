#pragma once
// What the last rank needs for the export when it is a server: worker 0 sends weights, what the
// model reads, and outputs to hold the export against.

#include <string>

#include "comm/communicator.h"
#include "export/export.h"

namespace trireme {

struct ExportParcel {
  std::map<std::string, HostTensor> weights;
  Preprocessing preprocessing;
  std::string config, origin, run_directory;
  Goldens goldens;
};

// From rank `from` to rank `to`; `wait`: for each of its messages.
void send_parcel(Communicator& world, int to, const ExportParcel& parcel, const Wait& wait);
ExportParcel receive_parcel(Communicator& world, int from, const Wait& wait);  // FormatError

}  // namespace trireme
