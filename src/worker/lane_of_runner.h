#pragma once
// What one lane of a LaneRunner owns.

#include <vector>

#include "tensor/buffer.h"
#include "worker/lane_runner.h"

namespace trireme {

struct LaneRunner::Lane {
  std::vector<AlignedBuffer> arenas;  // one, or one a leaf when programs have several segments
  std::vector<AlignedBuffer> kept;    // by slot: the leaves of a piece, or all of the lane's
  std::vector<std::vector<std::byte*>> fields;  // by slot
  std::vector<Workspace> workspaces;            // by slot
  std::vector<PieceWork::Leaf> piece;           // by slot
  std::vector<double> leaf_sums;                // loss sums of each leaf in flight
  std::vector<std::vector<double>> synced;      // total of each segment's sync
  std::vector<const double*> synced_sums;       // where these lie
  std::vector<double> totals;
  Scores scores;  // of an evaluation's step
  double data_seconds = 0;
  bool poison = false;  // this step
};

}  // namespace trireme
