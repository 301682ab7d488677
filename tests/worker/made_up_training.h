#pragma once
// Steps of an exchange with made-up gradients, that depend on step and leaf alone: what must come
// out is the same whoever computes which leaf, and whenever.

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/file.h"
#include "comm/communicator.h"
#include "model/graph.h"
#include "optim/optimizer.h"
#include "ps/link.h"
#include "ps/row_clip.h"
#include "ps/server_core.h"
#include "ps/table_life.h"
#include "worker/exchange/all_reduce_exchange.h"
#include "worker/servers/parameter_exchange.h"
#include "worker/tables/table_exchange.h"

namespace trireme {
class ServerCheckpoints;
}

namespace trireme::test {

std::unique_ptr<Graph> small_graph();  // eight chunks of parameters
OptimizerConfig adam();

struct Outcome {
  std::vector<float> weights;
  std::vector<double> norms, sums;
  std::vector<uint64_t> read;          // what the weights were that each step's forward read
  std::vector<float> rows;             // of the tables, in the end: of all keys that leaves look up
  std::vector<ps::LifeCounts> counts;  // likewise, but for bytes
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

struct MadeUpTraining {
  int lanes = 1, shards = 8;
  int servers = 0;  // of the ranks, the last; they return an empty outcome
  ps::Consistency consistency = {};
  ps::Faults faults = {};
  ps::CodecSpec codec = {};
  double delay_compensation = 0;
  int64_t push_every = 1;
  int64_t bucket = 1 << 20;
  bool keep_leaves = false;
  double timeout = 20;
  std::vector<int64_t> batches = {64, 64, 5, 64, 3};  // smaller than the shards: leaves are absent
  int64_t poison_step = -1;                           // the last leaf's gradient has an infinity
  int64_t bad_loss_step = -1;                         // the batch's loss is infinite
  // Gradients of rows depend on what was fetched, too.
  std::vector<TableSpec> tables = {};
  bool tables_served = true;  // where there are servers: rows live there
  ps::RowClip clip = {};      // of their gradients
  ps::LifeSpec life = {};     // of rows
  // Begins at a step, with the state of a checkpoint; in the end saves one in a folder.
  int64_t first_step = 0;
  Path resume = {}, save_to = {};
  bool servers_write = false;  // what they hold into checkpoints, and read it
  // Called by each lane within the backward of its last leaf, before the first slot's gradient and
  // after each.
  struct Moment {
    int64_t step;
    int lane, slots_done;
    bool last_leaf;  // of the whole step
  };
  std::function<void(NodeExchange&, const Moment&)> within_backward = {};
  // Called by each lane within its forward, after each slot, in the order of use.
  std::function<void(NodeExchange&, const Moment&)> within_forward = {};
  // Instead of ps::serve().
  std::function<void(ps::ServerCore&, ps::Link&)> serve_with = {};

  Outcome run(Communicator& comm) const;
  // Over thread ranks; all must end with the same outcome.
  Outcome run(int ranks, std::vector<int> nodes = {}) const;

 private:
  Outcome train(Communicator& comm, NodeExchange& exchange, const Graph& graph,
                const Optimizer& optimizer, TableExchange* rows,
                ServerCheckpoints* by_servers) const;
  class Rows;
  Outcome train_served(Communicator& world) const;
  void serve(Communicator& world, const std::vector<LeafRun>& runs) const;
  ExchangeOptions options(bool served) const;
  // A hash of the weights, each slot's as they are when they may be read.
  uint64_t forward(NodeExchange& exchange, const ParamTable& params, const StepPlan& plan,
                   int lane) const;
  void backward(NodeExchange& exchange, const ParamTable& params, const StepPlan& plan,
                int lane) const;
};

}  // namespace trireme::test
