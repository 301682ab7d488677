#pragma once
// Steps of an exchange with made-up gradients, that depend on step and leaf alone: what must come
// out is the same whoever computes which leaf, and whenever.

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "comm/communicator.h"
#include "model/graph.h"
#include "optim/optimizer.h"
#include "worker/all_reduce_exchange.h"

namespace trireme::test {

std::unique_ptr<Graph> small_graph();  // eight chunks of parameters
OptimizerConfig adam();

struct Outcome {
  std::vector<float> weights;
  std::vector<double> norms, sums;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

struct MadeUpTraining {
  int lanes = 1, shards = 8;
  int64_t bucket = 1 << 20;
  bool keep_leaves = false;
  double timeout = 20;
  std::vector<int64_t> batches = {64, 64, 5, 64, 3};  // smaller than the shards: leaves are absent
  int64_t poison_step = -1;                           // the last leaf's gradient has an infinity
  int64_t bad_loss_step = -1;                         // the batch's loss is infinite
  // Called by each lane within the backward of its last leaf, before the first slot's gradient and
  // after each.
  struct Moment {
    int64_t step;
    int lane, slots_done;
    bool last_leaf;  // of the whole step
  };
  std::function<void(AllReduceExchange&, const Moment&)> within_backward = {};

  Outcome run(Communicator& comm) const;
  // Over thread ranks; all must end with the same outcome.
  Outcome run(int ranks, std::vector<int> nodes = {}) const;

 private:
  void backward(AllReduceExchange& exchange, const ParamTable& params, const StepPlan& plan,
                int lane) const;
};

}  // namespace trireme::test
