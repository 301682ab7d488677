#pragma once
// What crosses hosts, between the first ranks of each: leaf sums, requests, and gradients as a
// reduce-scatter along the tree followed by an all-gather. Used from one thread (the leader's lane
// 0).

#include <span>
#include <vector>

#include "comm/communicator.h"
#include "kernels/kernel_table.h"
#include "worker/range_reducer.h"
#include "worker/topology.h"

namespace trireme {

class InterNode {
 public:
  InterNode(Communicator& comm, const Topology& topology, double timeout);

  // Each node's block of `all` reaches every node; blocks[h] is node h's part.
  void all_gather(std::span<const MutableBytes> blocks, const char* what, int64_t step);

  // pieces: this node's, in the order of node_pieces()[my_node]; out: the reduced gradient, whole.
  // Node h adds up all nodes' pieces for its share of the chunks, then everybody gets everything.
  void reduce(const KernelTable& kernels, std::span<float* const> pieces,
              const std::vector<bool>& leaf_present, int64_t elements, float* out, int64_t step);

 private:
  Range share(int node, int64_t elements) const;
  void prepare(const std::vector<bool>& leaf_present);

  Communicator& comm_;
  const Topology& topology_;
  double timeout_;
  std::vector<std::vector<Piece>> node_pieces_;
  std::vector<Piece> all_pieces_;
  std::vector<bool> prepared_for_;
  RangeReducer reducer_;
  std::vector<float> staging_, temporaries_;
};

}  // namespace trireme
