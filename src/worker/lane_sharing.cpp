#include "worker/lane_sharing.h"

#include <algorithm>
#include <bit>

#include "worker/exchange/gradient_stack.h"

namespace trireme {
namespace {

// Of gradients, that leaves side by side may need: each has its own, where few would do.
constexpr size_t kMostGradientBytes = size_t{64} << 20;

bool has_all_leaves(const Topology& topology) { return topology.lanes == topology.members; }

size_t bytes_at_once(const Program& program) {
  int64_t elements = 0;
  for (const Range& range : program.at_once()) elements += range.size();
  return static_cast<size_t>(elements) * sizeof(float);
}

}  // namespace

int64_t most_leaves(const Topology& topology) {
  if (has_all_leaves(topology))
    return static_cast<int64_t>(std::bit_ceil(static_cast<unsigned>(topology.shards)));
  int64_t most = 1;
  for (int lane = 0; lane < topology.lanes; ++lane)
    for (const Piece& piece : GradientStack::pieces(topology.lane_run(lane), false))
      most = std::max(most, int64_t{1} << piece.level);
  return most;
}

LaneSharing share_lanes(const Topology& topology, const ProgramSet& training, bool all_reduce,
                        int64_t batch, int64_t parameters) {
  const Program& program = training.any();
  LaneSharing sharing;
  if (!has_all_leaves(topology) || !all_reduce || program.segments() > 1) return sharing;
  // Lanes then read what others have kept, instead of their gradients.
  const size_t weights = bytes_at_once(program);
  const size_t gathered = program.gathered_bytes() / static_cast<size_t>(program.samples()) *
                          static_cast<size_t>(batch);
  sharing.whole = weights > 0 && gathered <= weights;
  const auto shards = static_cast<size_t>(topology.shards);
  const size_t leaves_a_lane =
      (shards + static_cast<size_t>(topology.lanes) - 1) / static_cast<size_t>(topology.lanes);
  const size_t gradients = shards * static_cast<size_t>(parameters) * sizeof(float);
  sharing.side_by_side = sharing.whole && program.takes_leaves_together() && leaves_a_lane > 1 &&
                         gradients <= kMostGradientBytes &&
                         leaves_a_lane * training.arena_bytes() <= weights;
  return sharing;
}

}  // namespace trireme
