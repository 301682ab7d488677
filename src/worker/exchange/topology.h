#pragma once
// Who holds which leaves. Lanes of all ranks are numbered node by node, then rank by rank, so that
// the leaves of a node are contiguous whatever order mpirun gave the ranks.

#include <string>
#include <vector>

#include "comm/communicator.h"
#include "comm/tree.h"

namespace trireme {

struct Topology {
  int shards = 1;
  int nodes = 1, my_node = 0;
  int members = 1;                        // lanes of the job
  int lanes = 1;                          // of this rank
  int node_members = 1;                   // lanes of this node
  int first_node_member = 0;              // this rank's lane 0 among the node's lanes
  int first_member = 0;                   // this rank's lane 0 among the job's lanes
  bool node_leader = true;                // this rank is the first of its node
  std::vector<int> leader_ranks;          // by node
  std::vector<LeafRun> node_runs;         // leaves of each node
  std::vector<LeafRun> node_member_runs;  // leaves of each lane of this node
  std::vector<int> rank_of_node_member;
  std::vector<Member> node_ranks;

  LeafRun lane_run(int lane) const {
    return node_member_runs[static_cast<size_t>(first_node_member + lane)];
  }
};

// Every rank must call. lanes: of this rank. shards: V, or 0 for one leaf a lane. apart: each rank
// counts as a node of its own, whatever its host.
Topology make_topology(Communicator& comm, int lanes, int shards, double timeout,
                       bool apart = false);

// One line for the user: "4 ranks on 2 hosts, 8 lanes, 8 virtual shards".
std::string describe(const Topology& topology, int ranks);

}  // namespace trireme
