#pragma once
// The part of embedding tables that a rank's leaves see in a step: which keys they look up, the
// rows, and the gradients that come back. Memory of one step is used again by the next.

#include <memory>
#include <span>
#include <vector>

#include "comm/tree.h"
#include "data/loader.h"
#include "model/graph.h"
#include "model/lookup.h"
#include "worker/table_exchange.h"

namespace trireme {

class LaneTables {
 public:
  // leaves: of this rank.
  LaneTables(const Graph& graph, TableExchange& exchange, LeafRun leaves);
  ~LaneTables();

  TableExchange& exchange() const { return exchange_; }

  // Every step, in this order. Which keys the leaf looks up; absent leaves are left out. Lanes.
  void look_up(int leaf, const LeafBatch& batch);
  // The rows of all leaves. The step thread, when all lanes are done with look_up().
  void fetch(bool trains);
  // What the leaf's Workspace::tables points to, its gradients zero. Lanes.
  const TableLeaf* bind(int leaf, bool trains);
  // Sums the gradients of the lane's leaves to pieces and hands them over. Lanes.
  void push(int lane, LeafRun leaves);

 private:
  struct Use;  // one table
  struct Leaf;
  Leaf& leaf(int index) const { return *leaves_[static_cast<size_t>(index - run_.first)]; }

  TableExchange& exchange_;
  const LeafRun run_;
  std::vector<std::unique_ptr<Use>> uses_;  // by table
  std::vector<std::unique_ptr<Leaf>> leaves_;
};

}  // namespace trireme
