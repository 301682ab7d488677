#pragma once
// Row gradients that the lanes of a rank hand in, leaf by leaf, and their sums at the nodes of the
// tree that the rank can add up by itself.

#include <span>
#include <vector>

#include "ps/row_sums.h"
#include "ps/table_shards.h"
#include "tensor/table_spec.h"
#include "worker/exchange/topology.h"

namespace trireme {

class PushedRows {
 public:
  // whole: nobody else's leaves count (the rank has them all, or trains by itself), so that all of
  // its leaves are summed to one node, the root. parts: the most that sum() is cut into.
  PushedRows(const Topology& topology, std::span<const TableSpec> tables, bool whole, int parts);

  // By the lane's thread. Borrows the rows until sum() is over.
  void push(int lane, int table, const ps::NodeRows& leaf) {
    leaves_[static_cast<size_t>(lane)][static_cast<size_t>(table)].push_back(leaf);
  }
  // When all lanes have pushed: part `part` of `parts` of all keys. Each part once; any thread.
  void sum(int part, int parts);
  // When all parts are summed: of one of the nodes, the sums' ranges of keys, in order.
  std::span<const ps::RowGradient> ranges(int table, size_t node) const {
    return std::span(sums_[place(table, node)].ranges).first(static_cast<size_t>(parts_));
  }
  // All of them, of every node and range that has any rows; valid until the next step.
  void parts(int table, std::vector<ps::NodeRows>& all) const;
  // The same with the ranges of a node as one; valid until the next step.
  std::vector<ps::NodeRows> sums(int table);
  void end();  // forgets what was pushed; the next step may push

 private:
  struct Sum {
    std::vector<ps::RowGradient> ranges;  // by part
    ps::RowGradient joined;
  };
  size_t place(int table, size_t node) const {
    return static_cast<size_t>(table) * nodes_.size() + node;
  }
  struct Summer {  // of a part
    ps::RowSums sums;
    std::vector<ps::NodeRows> below;  // a node
  };

  std::vector<ps::TreeNode> nodes_;
  std::vector<int64_t> dims_;
  std::vector<std::vector<std::vector<ps::NodeRows>>> leaves_;  // by lane, table
  std::vector<Sum> sums_;                                       // by table, node
  std::vector<Summer> summers_;                                 // by part
  int parts_ = 0;
};

}  // namespace trireme
