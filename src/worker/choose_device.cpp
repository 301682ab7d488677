#include "worker/choose_device.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "worker/agreement.h"
#include "worker/assign_devices.h"

namespace trireme {
namespace {

constexpr auto kSharingHint =
    "start as many ranks as the node has devices, or list the device of each node-local rank: "
    "run.device_ids = 0,0 puts two ranks on device 0";

struct Refusal {
  std::string reason, hint;
};

VisibleDevices bus_ids(const CudaPlugin& plugin) {
  VisibleDevices ids;
  for (int i = 0; i < plugin.devices(); ++i) ids.emplace_back(plugin.describe(i).bus_id);
  return ids;
}

// What the ranks of my node see, by node-local rank.
std::vector<VisibleDevices> seen_on_node(Communicator& comm, const VisibleDevices& mine,
                                         double timeout) {
  std::string text;
  for (const std::string& id : mine) text += id + '\n';
  const auto all =
      comm.all_gather(std::as_bytes(std::span(text)), {timeout, "the devices of every rank", -1});
  const int node = comm.members()[static_cast<size_t>(comm.rank())].node;
  std::vector<VisibleDevices> seen;
  for (const Member& member : comm.members()) {
    if (member.node != node) continue;
    const auto& bytes = all[static_cast<size_t>(member.rank)];
    VisibleDevices theirs =
        split(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), '\n');
    theirs.pop_back();  // what follows the last newline
    seen.resize(std::max(seen.size(), static_cast<size_t>(member.node_rank) + 1));
    seen[static_cast<size_t>(member.node_rank)] = std::move(theirs);
  }
  return seen;
}

// The ordinal of this rank, or why it has none.
int find_device(Communicator& comm, const RunConfig& run, const CudaPlugin& plugin,
                Refusal& refusal) {
  const auto seen = seen_on_node(comm, bus_ids(plugin), run.timeout);
  const size_t me = static_cast<size_t>(comm.members()[static_cast<size_t>(comm.rank())].node_rank);
  if (!plugin.reason().empty()) {
    refusal = {plugin.reason(), plugin.hint()};
    return -1;
  }
  const DeviceAssignment assignment =
      assign_devices(seen, std::vector<int>(run.device_ids.begin(), run.device_ids.end()));
  if (!assignment.problem.empty()) {
    refusal = {assignment.problem, kSharingHint};
    return -1;
  }
  const int ordinal = assignment.ordinals[me];
  const CudaDeviceInfo info = plugin.describe(ordinal);
  if (!info.usable)
    refusal = {fmt::format("CUDA device {} ({}): {}", ordinal, info.name, info.reason),
               "`trireme devices` lists what is there"};
  return info.usable ? ordinal : -1;
}

}  // namespace

DeviceChoice choose_device(Communicator& comm, const RunConfig& run, const CudaPlugin& plugin) {
  if (run.device == "cpu") return {-1, "cpu (run.device = cpu)"};
  Refusal refusal;
  const int ordinal = find_device(comm, run, plugin, refusal);
  try {
    together(comm, "the device of every rank", run.timeout, [&] {
      if (ordinal < 0)
        throw DeviceError(fmt::format("run.device = {}: {}", run.device, refusal.reason),
                          refusal.hint);
    });
  } catch (const AgreedError& e) {
    if (run.device == "cuda") throw;
    return {-1, fmt::format("cpu ({})", e.what())};
  }
  return {ordinal, fmt::format("cuda {} ({})", ordinal, plugin.describe(ordinal).name)};
}

}  // namespace trireme
