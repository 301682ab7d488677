#pragma once
// How the devices of all ranks become one group, with the ranks' communicator as go-between.

#include <memory>

#include "comm/communicator.h"
#include "tensor/device.h"

namespace trireme {

// A membership that nobody closed is aborted when it goes.
struct ReleaseGroup {
  const CollectiveFunctions* functions = nullptr;
  void operator()(CollectiveGroup* group) const noexcept { functions->release(group); }
};
using OwnedGroup = std::unique_ptr<CollectiveGroup, ReleaseGroup>;

// Every rank of `comm`, two at least, calls. Throws the same CommError on all ranks when one of
// them cannot join or has not joined after `seconds`; what a wait of `comm` throws when one is not
// there. Ranks that share a device (told by the bus id) can join, slowly: a warning says so.
OwnedGroup join_devices(Communicator& comm, const Device& device, double seconds);

}  // namespace trireme
