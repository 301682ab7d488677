#include "comm/join_devices.h"

#include <fmt/format.h>

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "comm/ballot.h"
#include "comm/sentence.h"

namespace trireme {
namespace {

constexpr std::string_view kWhat = "the group of all devices";
constexpr auto kHint = "NCCL_DEBUG=INFO in the environment makes NCCL say more";

// How much longer than its own deadline a rank waits for the result: all began at about one time.
constexpr double kGrace = 5;

const Member& me(const Communicator& comm) {
  return comm.members()[static_cast<size_t>(comm.rank())];
}

// What rank 0 tells the others before they join.
struct Invitation {
  CollectiveId id;
  char failure[400];  // why there is no id; "" when there is one
};

std::string failed(const Communicator& comm, const char* reason) {
  return fmt::format("{}: joining {} failed: {}", name(me(comm)), kWhat, reason);
}

Membership membership(Communicator& comm, const Device& device, const Wait& wait) {
  const std::string& mine = device.links().bus_id;
  const auto all = comm.all_gather(std::as_bytes(std::span(mine)), wait);
  std::set<std::pair<int, std::vector<std::byte>>> taken;
  bool shared = false, one_host = true;
  for (const Member& member : comm.members()) {
    const auto& bus_id = all[static_cast<size_t>(member.rank)];
    shared |= !bus_id.empty() && !taken.emplace(member.node, bus_id).second;
    one_host &= member.node == 0;
  }
  return {comm.rank(), comm.size(), shared, one_host};
}

CollectiveId invite(Communicator& comm, const Device& device, const Membership& self,
                    const Wait& wait) {
  const CollectiveFunctions& f = *device.links().collectives;
  Invitation invitation{};
  if (self.rank == 0 && f.make_id(device.context(), &self, &invitation.id) != DeviceStatus::ok) {
    const std::string why = failed(comm, f.last_error());
    why.copy(invitation.failure, sizeof invitation.failure - 1);
  }
  comm.broadcast(std::as_writable_bytes(std::span(&invitation, 1)), 0, wait);
  if (invitation.failure[0] != '\0') throw CommError(invitation.failure, kHint);
  return invitation.id;
}

// What this rank has to say: "" when it has joined, its failure, or nothing yet.
std::optional<std::string> outcome(const Communicator& comm, const CollectiveFunctions& f,
                                   CollectiveGroup* group, DeviceStatus started, const Wait& wait,
                                   Clock::time_point since) {
  const DeviceStatus status = started == DeviceStatus::ok ? f.poll(group) : started;
  if (status == DeviceStatus::ok) return "";
  if (status != DeviceStatus::not_ready) return failed(comm, f.last_error());
  const double seconds = seconds_since(since);
  if (seconds < wait.seconds) return std::nullopt;
  return waited(me(comm), wait, seconds) + ": not all ranks have joined";
}

}  // namespace

OwnedGroup join_devices(Communicator& comm, const Device& device, double seconds) {
  if (!device.links().collectives)
    throw DeviceError(
        fmt::format("{} cannot work together with the devices of other ranks", device.name()));
  const CollectiveFunctions& f = *device.links().collectives;
  const Wait wait{.seconds = seconds, .what = kWhat};
  const Membership self = membership(comm, device, wait);
  if (self.shared_device && self.rank == 0)
    log_warning(
        "some ranks share a device: gradients travel between them through sockets, which is good "
        "for trying out and nothing else");
  const CollectiveId id = invite(comm, device, self, wait);

  Ballot ballot(comm);
  CollectiveGroup* joined = nullptr;
  const DeviceStatus started = f.join(device.context(), &self, &id, &joined);
  OwnedGroup group(joined, ReleaseGroup{&f});
  const auto since = Clock::now();
  const Wait patient{.seconds = seconds + kGrace, .what = kWhat};
  for (int round = 0; !ballot.decided(); ++round) {
    if (!ballot.is_cast())
      if (const auto mine = outcome(comm, f, joined, started, wait, since)) ballot.cast(*mine);
    comm.check(ballot.open(), patient, since);
    comm.idle(round);
  }
  if (!ballot.failure().empty()) throw CommError(ballot.failure(), kHint);
  return group;
}

}  // namespace trireme
