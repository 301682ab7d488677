#pragma once
// Row gradients that a rank's lanes have handed in, until the rank tells others of them.

#include <span>
#include <utility>
#include <vector>

#include "ps/row_gradient.h"
#include "tensor/table_spec.h"
#include "worker/topology.h"

namespace trireme {

class PushedRows {
 public:
  PushedRows(const Topology& topology, std::span<const TableSpec> tables);

  void push(int lane, int table, ps::NodeGradient part) {  // by the lane's thread
    parts_[static_cast<size_t>(lane)][static_cast<size_t>(table)].push_back(std::move(part));
  }
  // All lanes' parts of a table, which are forgotten here.
  std::vector<ps::NodeGradient> take(int table);
  // The same, summed to the largest nodes of the tree that lie within this rank's leaves: what has
  // to travel.
  std::vector<ps::NodeGradient> take_sums(int table);

 private:
  const LeafRun run_;  // of the rank
  std::vector<int64_t> dims_;
  std::vector<std::vector<std::vector<ps::NodeGradient>>> parts_;  // by lane, table
};

}  // namespace trireme
