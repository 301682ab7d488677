#pragma once
// The only code that knows how gradients travel. Lanes hand in gradients leaf by leaf; update()
// reduces everything, agrees on one verdict by all ranks, and applies the optimizer where the state
// lives.
//
// Threads: every lane of every rank makes the same calls in the same order. Calls that say "lane"
// come from that lane's thread; the others from the step thread (lane 0) between steps.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "checkpoint/state.h"
#include "model/program.h"
#include "optim/optimizer.h"
#include "worker/tree.h"

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
};

struct Verdict {  // the same on every lane of every rank
  bool applied = false;
  bool finite = true;
  Requests requests;     // of any rank
  double grad_norm = 0;  // of the averaged gradient, before clipping
};

class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual int shards() const = 0;
  virtual LeafRun leaves(int lane) const = 0;

  virtual const float* params() const = 0;  // this node's current weights
  // The moving average; params() when there is none.
  virtual const float* averaged_params() const = 0;
  // Running statistics; written by lane 0 of each node's first rank, within update().
  virtual float* state() = 0;
  virtual bool owns_state() const = 0;  // this rank is that rank

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

  virtual Verdict update(int lane, const Optimizer& optimizer, const UpdateRequest& request) = 0;

  // The whole state as of now, for the checkpoint's writer: its thread takes the copy (capture())
  // while steps go on; the next update waits for that. One at a time.
  virtual std::unique_ptr<StateSource> snapshot() = 0;
  // Spent by the last update in that wait.
  virtual double snapshot_wait_seconds() const = 0;
  // Fills the state from logical tensors; `read` returns false for a tensor it lacks (initial value
  // stays). Every rank must call.
  using TensorReader = std::function<bool(const TensorMeta&, std::span<std::byte>)>;
  virtual void restore(const TensorReader& read) = 0;

  // Spent by lane 0 in the last update on changing the state, waits left out.
  virtual double optimizer_seconds() const = 0;
  // Spent waiting for others since the last call of begin.
  virtual double wait_seconds(int lane) const = 0;
  // Of the last step: how long gradients travelled between hosts while lanes still computed.
  virtual double hidden_seconds() const = 0;
  // Wakes every waiting lane with a CommError that names this rank and says why. From any thread.
  virtual void fail(std::string_view why) noexcept = 0;
};

}  // namespace trireme
