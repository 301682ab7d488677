#pragma once
// The part of embedding tables that a rank's leaves see in a step: which keys they look up, the
// rows, and the gradients that come back. Memory of one step is used again by the next.

#include <memory>
#include <span>
#include <vector>

#include "base/spread.h"
#include "comm/tree.h"
#include "data/loader.h"
#include "model/graph.h"
#include "model/lookup.h"
#include "worker/tables/table_exchange.h"

namespace trireme {

class LaneTables {
 public:
  // leaves: of this rank. spread: the lanes' threads, idle in fetch() and prepare_ahead().
  LaneTables(const Graph& graph, TableExchange& exchange, LeafRun leaves, const Spread& spread);
  ~LaneTables();

  TableExchange& exchange() const { return exchange_; }

  // Every step, in this order. Which keys the leaf looks up; absent leaves are left out. Lanes.
  // ahead: of the training step after this one.
  enum class For { training, ahead, evaluation };
  void look_up(int leaf, const LeafBatch& batch, For step);
  // When all lanes have looked up ahead: their keys become one list, while rows still travel. The
  // step thread.
  void prepare_ahead();
  // The rows of all leaves. The step thread, when all lanes are done with look_up().
  void fetch(bool trains);
  // Tells of what prepare_ahead() made; the next training step looks up no keys of its own.
  void announce();
  bool announced() const { return announced_; }
  // What the leaf's Workspace::tables points to, its gradients zero. Lanes.
  const TableLeaf* bind(int leaf, bool trains);
  // Hands over the gradients of the lane's leaves. Lanes; TableExchange::sum() follows.
  void push(int lane, LeafRun leaves);

 private:
  struct Use {  // of one table
    int64_t features = 0, values = 0, dim = 0;
    bool per_feature = true;
  };
  struct Batch;  // what one step looks up
  Batch& batch(bool trains) { return trains ? *training_[now_] : *evaluation_; }
  // Between two steps the one is over, and the other was announced: the step ahead is behind it.
  Batch& batch(For step) {
    return step == For::ahead ? *training_[announced_ ? now_ : 1 - now_]
                              : batch(step == For::training);
  }
  void merge_keys(Batch& batch);
  void unite(Batch& batch, size_t table, int part, int parts);

  TableExchange& exchange_;
  const LeafRun run_;
  const Spread spread_;
  std::vector<Use> uses_;  // by table
  std::unique_ptr<Batch> training_[2], evaluation_;
  size_t now_ = 0;
  bool announced_ = false;
  struct Union {  // of one lane's range of keys
    struct Entry {
      int64_t key;
      int32_t leaf, number;  // of the key in the leaf
    };
    std::vector<Entry> entries, spare;
    std::vector<size_t> ends;
    std::vector<int32_t*> row_of;  // of each leaf
    std::vector<int64_t> keys;
  };
  std::vector<std::vector<Union>> unions_;  // by lane, table
};

}  // namespace trireme
