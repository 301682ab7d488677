#include "worker/exchange/topology.h"

#include <fmt/format.h>

#include <cstring>

#include "comm/node_barrier.h"
#include "worker/agreement.h"

namespace trireme {

Topology make_topology(Communicator& comm, int lanes, int shards, double timeout, bool apart) {
  const int32_t mine = lanes;
  const auto gathered = comm.all_gather(std::as_bytes(std::span(&mine, 1)),
                                        {timeout, "the number of lanes of every rank", -1});
  std::vector<int> lanes_of(gathered.size());
  for (size_t r = 0; r < gathered.size(); ++r) {
    int32_t n = 0;
    std::memcpy(&n, gathered[r].data(), sizeof n);
    lanes_of[r] = n;
  }
  Topology t;
  t.lanes = lanes;
  const auto node_of = [apart](const Member& m) { return apart ? m.rank : m.node; };
  t.my_node = node_of(comm.members()[static_cast<size_t>(comm.rank())]);
  t.nodes = 0;
  for (const Member& m : comm.members()) t.nodes = std::max(t.nodes, node_of(m) + 1);
  t.node_members = t.members = 0;
  std::vector<std::pair<int, int>> node_members;  // first and last member of each node
  for (int node = 0; node < t.nodes; ++node) {
    const int first = t.members;
    for (const Member& m : comm.members()) {
      if (node_of(m) != node) continue;
      if (static_cast<int>(t.leader_ranks.size()) == node) t.leader_ranks.push_back(m.rank);
      if (m.rank == comm.rank()) {
        t.first_member = t.members;
        t.first_node_member = t.members - first;
      }
      if (node == t.my_node) {
        t.node_ranks.push_back(m);
        t.rank_of_node_member.insert(t.rank_of_node_member.end(),
                                     static_cast<size_t>(lanes_of[static_cast<size_t>(m.rank)]),
                                     m.rank);
      }
      t.members += lanes_of[static_cast<size_t>(m.rank)];
    }
    node_members.emplace_back(first, t.members);
  }
  for (const auto& [first, last] : node_members)
    if (last - first > kMaxBarrierMembers)
      throw AgreedError(
          ExitCode::config,
          fmt::format("{} lanes on one host; {} is the most", last - first, kMaxBarrierMembers),
          "lower run.lanes, or start fewer ranks on a host");
  t.shards = shards > 0 ? shards : t.members;
  for (const auto& [first, last] : node_members)
    t.node_runs.push_back(
        {leaves_of(first, t.members, t.shards).first, leaves_of(last, t.members, t.shards).first});
  const auto [first, last] = node_members[static_cast<size_t>(t.my_node)];
  t.node_members = last - first;
  for (int m = first; m < last; ++m)
    t.node_member_runs.push_back(leaves_of(m, t.members, t.shards));
  t.node_leader = t.leader_ranks[static_cast<size_t>(t.my_node)] == comm.rank();
  return t;
}

std::string describe(const Topology& t, int ranks) {
  const auto plural = [](int n, const char* what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
  };
  return fmt::format("{} on {}, {}, {}", plural(ranks, "rank"), plural(t.nodes, "host"),
                     plural(t.members, "lane"), plural(t.shards, "virtual shard"));
}

}  // namespace trireme
