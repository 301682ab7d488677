#pragma once
// Adds up what one host's lanes hold, as far as the tree allows without the other hosts.

#include <vector>

#include "comm/range_reducer.h"
#include "kernels/kernel_table.h"
#include "worker/exchange/topology.h"

namespace trireme {

struct LanePieces {  // of all lanes of a host, in order
  std::vector<Piece> pieces;
  std::vector<const float*> data;  // of each piece, the whole index space
};

class NodeSums {
 public:
  // Borrows `lanes`.
  NodeSums(const KernelTable& kernels, const Topology& topology, const LanePieces& lanes);
  void prepare(const std::vector<bool>& leaf_present);
  // where[p] + i is element i, in `range`, of the host's piece p: in `room` (range.size() floats
  // for each piece), or where the only lane that has any of it wrote it; null when the piece is
  // absent.
  void add_up(Range range, float* room, std::vector<const float*>& where);

 private:
  const KernelTable& kernels_;
  const LanePieces& lanes_;
  const int shards_;
  const std::vector<Piece> pieces_;
  std::vector<RangeReducer> reducers_;  // by piece
  std::vector<float> temporaries_;
};

}  // namespace trireme
