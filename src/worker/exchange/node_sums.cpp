#include "worker/exchange/node_sums.h"

#include <algorithm>

namespace trireme {

NodeSums::NodeSums(const KernelTable& kernels, const Topology& topology, const LanePieces& lanes)
    : kernels_(kernels),
      lanes_(lanes),
      shards_(topology.shards),
      pieces_(host_pieces(topology.node_runs[static_cast<size_t>(topology.my_node)],
                          topology.shards)) {}

void NodeSums::prepare(const std::vector<bool>& leaf_present) {
  const std::vector<bool> present = present_pieces(lanes_.pieces, leaf_present);
  reducers_.clear();
  int64_t temporaries = 0;
  for (const Piece& target : pieces_) {
    std::vector<bool> inside = present;
    for (size_t i = 0; i < lanes_.pieces.size(); ++i)
      inside[i] = inside[i] && lanes_.pieces[i].first() >= target.first() &&
                  lanes_.pieces[i].last() <= target.last();
    reducers_.emplace_back(tree_steps(lanes_.pieces, inside, shards_),
                           static_cast<int>(lanes_.pieces.size()));
    temporaries = std::max(temporaries, reducers_.back().temporary_floats());
  }
  temporaries_.resize(static_cast<size_t>(temporaries));
}

void NodeSums::add_up(Range range, float* room, std::vector<const float*>& where) {
  where.clear();
  for (size_t p = 0; p < reducers_.size(); ++p) {
    const RangeReducer& reducer = reducers_[p];
    float* out = room + static_cast<int64_t>(p) * range.size() - range.begin;
    if (reducer.empty()) {
      where.push_back(nullptr);
    } else if (reducer.single() >= 0) {
      where.push_back(lanes_.data[static_cast<size_t>(reducer.single())]);
    } else {
      reducer.reduce(kernels_, lanes_.data, range, out, temporaries_.data());
      where.push_back(out);
    }
  }
}

}  // namespace trireme
