#pragma once
// How the lanes of a rank share a step where weights are more to read and write than what the
// leaves compute. No bit depends on it.

#include "worker/exchange/topology.h"
#include "worker/program_set.h"

namespace trireme {

struct LaneSharing {
  // Program::at_once() of the whole batch is computed by all lanes together, after the last leaf:
  // each lane rows of its own, from what all lanes have kept. Only where one rank has all leaves.
  bool whole = false;
  // Moreover each lane's leaves go side by side (Program::run_together()).
  bool side_by_side = false;
};

// Most leaves of a PieceWork: ProgramOptions::leaves.
int64_t most_leaves(const Topology& topology);

// `all_reduce`: no gradient goes to servers. `batch`: samples; `parameters`: of the model.
LaneSharing share_lanes(const Topology& topology, const ProgramSet& training, bool all_reduce,
                        int64_t batch, int64_t parameters);

}  // namespace trireme
