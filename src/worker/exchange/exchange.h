#pragma once
// The only code that knows how gradients travel. Lanes hand in gradients leaf by leaf; update()
// reduces everything, agrees on one verdict by all ranks, and applies the optimizer where the state
// lives.
//
// Threads: every lane of every rank makes the same calls in the same order. Calls that say "lane"
// come from that lane's thread; the others from the step thread (lane 0) between steps.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "comm/tree.h"
#include "model/program.h"
#include "optim/optimizer.h"
#include "ps/push_report.h"
#include "worker/training_state.h"

namespace trireme {

struct StepPlan {
  int64_t step = 0;  // from 0
  uint64_t epoch = 0;
  int64_t begin = 0;    // first position of the batch in the epoch's order
  int64_t samples = 0;  // of the whole batch
  bool trains = true;   // false: an evaluation, without gradients and update
};

struct Requests {  // what a rank asks of the others at this step
  bool save = false;
  bool stop = false;     // end the run after this step, normally
  bool requeue = false;  // save, then leave to be started again
};

class TableExchange;

struct UpdateRequest {
  OptimizerScalars scalars;  // grad_scale and skip are filled in by the exchange
  double clip_norm = 0;      // 0: off
  // {loss, weight} of every loss, of the whole batch: gradients are divided by the first weight.
  // The same on every lane of every rank.
  std::span<const double> loss_sums = {};
  Requests requests = {};
  // Writes the running statistics. Called where owns_state(), by lane 0, when the update is
  // applied, and done before any lane of the node returns from update(). May be empty.
  std::function<void()> write_state = {};
  // Whose rows' gradients count in the norm and are applied with the rest. The same on every lane;
  // null: no tables.
  TableExchange* tables = nullptr;
};

struct Verdict {  // the same on every lane of every rank
  bool applied = false;
  bool finite = true;
  bool too_large = false;  // the gradient, for the loss scale: it has been lowered, all is well
  double loss_scale = 0;   // of this step, as users see it; 0: none
  Requests requests;       // of any rank
  double grad_norm = 0;    // of the averaged gradient, before clipping
};

// What a codec made of a step's pushes to servers.
struct Coding {
  int64_t bytes = 0, plain_bytes = 0;  // sent; what they would be in fp32
  double error = 0;                    // norm of what was left out, by that of the gradient
};

class Exchange : public TrainingState {
 public:
  virtual int shards() const = 0;
  virtual LeafRun leaves(int lane) const = 0;

  // Running statistics, to be written by lane 0 of each node's first rank within update().
  virtual float* writable_state() = 0;

  virtual void begin(int lane, const StepPlan& plan) = 0;
  // Where the gradient of `leaf` goes. Zero outside the slots. Leaves of a lane in ascending order.
  virtual float* gradient(int lane, int leaf) = 0;
  // To be told how far the backward of `leaf` is, so that what is final travels while it goes on;
  // null: no use for that. Never waits.
  virtual GradSink* sink(int lane, int leaf) = 0;
  // The piece of the tree that the leaf is summed up in: what is computed once for all its leaves
  // goes into its own gradient.
  struct PieceGradient {
    LeafRun leaves;
    float* gradient;
  };
  virtual PieceGradient piece(int lane, int leaf) const = 0;
  virtual void leaf_done(int lane, int leaf) = 0;  // its backward is over; never waits

  // In-step sums: each lane writes its leaves' slots, then all call sync; total = tree sum over
  // present leaves.
  virtual double* sum_slot(int lane, int leaf) = 0;  // at most max_sums() doubles
  virtual int64_t max_sums() const = 0;
  virtual void sync(int lane, int64_t doubles, double* total) = 0;

  // Between sync() and update(): where this rank's lanes may write the whole batch's gradients of
  // ExchangeOptions::at_once together, instead of each piece's. Null: they may not. A lane that
  // asks says that in this step they do, and so must all others.
  virtual float* whole_gradient(int /*lane*/) { return nullptr; }

  virtual Verdict update(int lane, const Optimizer& optimizer, const UpdateRequest& request) = 0;
  // Whether all weights that the last update promised have come; else the next step's lanes await
  // those that they read. From the step thread of every rank, between steps.
  virtual bool weights_are_here() { return true; }
  // Returns when those from `from` on (elements of the index space) have come. Every lane awaits
  // all of them (0) before it writes a gradient, and before the last sync() of the step.
  virtual void await_weights(int /*lane*/, int64_t /*from*/) {}

  // Before anything looks at the state between steps: afterwards all ranks see the same one, with
  // all that was done so far. From the step thread of every rank.
  virtual void settle() {}

  // Spent by the last update in waiting for a snapshot's copy.
  virtual double snapshot_wait_seconds() const = 0;
  // Spent by lane 0 in the last update on changing the state, waits left out.
  virtual double optimizer_seconds() const = 0;
  // Spent waiting for others since the last call of begin.
  virtual double wait_seconds(int lane) const = 0;
  // Of the last step: how long gradients travelled between hosts while lanes still computed.
  virtual double hidden_seconds() const = 0;
  // How many clocks the slowest worker was behind, when the last update took its weights; below 0:
  // workers go in step.
  virtual double staleness() const { return -1; }
  // Of this rank's pushes in the last update; null: none was coded.
  virtual std::optional<Coding> coding() const { return std::nullopt; }
  // On worker 0: of all workers. In step: up to the last update; else up to the pull before the
  // last that each has made, of this one up to the last. Null: there is nothing to tell.
  virtual std::optional<ps::PushReport> reports() const { return std::nullopt; }
};

}  // namespace trireme
