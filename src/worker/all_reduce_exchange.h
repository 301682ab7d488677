#pragma once
// All-reduce: each node reduces through its shared window, nodes reduce over the communicator,
// bucket by bucket while backward goes on. Every node holds the whole state; its lanes share the
// work of each update by ranges. One rank is the same code.

#include <memory>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "comm/node_barrier.h"
#include "model/graph.h"
#include "worker/exchange.h"
#include "worker/flat_state.h"
#include "worker/gradient_stack.h"
#include "worker/inter_node_driver.h"
#include "worker/node_memory.h"
#include "worker/range_reducer.h"

namespace trireme {

struct AllReduceOptions {
  bool keep_leaves = false;    // programs of several segments
  std::vector<Range> at_once;  // Program::at_once()
  int64_t max_sums = 0;
  bool ema = false;
  double timeout = 300;
  int64_t bucket = int64_t{1} << 20;  // elements of a bucket between hosts
  int64_t tables = 0;                 // embedding tables: UpdateRequest::tables
};

class AllReduceExchange final : public Exchange {
 public:
  // Every rank must call. Weights start at zero: call initialise() or restore().
  AllReduceExchange(Communicator& comm, const Topology& topology, const KernelTable& kernels,
                    const Graph& graph, const Optimizer& optimizer,
                    const AllReduceOptions& options);
  ~AllReduceExchange() override;
  void initialise(const float* params, const float* state) override;

  int shards() const override { return topology_.shards; }
  LeafRun leaves(int lane) const override { return topology_.lane_run(lane); }
  const float* params() const override { return memory_.params(); }
  const float* averaged_params() const override {
    return memory_.ema() ? memory_.ema() : memory_.params();
  }
  const float* state() const override { return memory_.state(); }
  float* writable_state() override { return memory_.state(); }
  bool owns_state() const override { return topology_.node_leader; }
  void begin(int lane, const StepPlan& plan) override;
  float* gradient(int lane, int leaf) override;
  PieceGradient piece(int lane, int leaf) const override;
  GradSink* sink(int lane, int leaf) override;
  void leaf_done(int lane, int leaf) override;
  double* sum_slot(int lane, int leaf) override;
  int64_t max_sums() const override { return options_.max_sums; }
  void sync(int lane, int64_t doubles, double* total) override;
  Verdict update(int lane, const Optimizer& optimizer, const UpdateRequest& request) override;
  std::unique_ptr<StateSource> snapshot() override;
  void restore(const TensorReader& read) override;
  double wait_seconds(int lane) const override;
  double optimizer_seconds() const override { return optimizer_; }
  double hidden_seconds() const override { return driver_ ? driver_->hidden() : 0; }
  double snapshot_wait_seconds() const override { return snapshot_wait_; }
  void fail(std::string_view why) noexcept override;
  size_t bytes() const { return memory_.bytes(); }

 private:
  struct Lane;  // what one lane's thread owns
  std::unique_ptr<Lane> make_lane(int index) const;
  NodeBarrier make_barrier(int node_member) const;
  Arrivals arrivals() const { return {memory_.arrivals(), topology_.node_members}; }
  void meet(Lane& lane, const char* what, double grace = 0);
  void prepare_reduction(Lane& lane);
  void reduce(Lane& lane);
  void reduce_tables(Lane& lane, TableExchange* tables);
  bool present(const StepPlan& plan, int leaf) const;
  std::vector<bool> present_leaves(const StepPlan& plan) const;
  bool drives(const Lane& lane) const;
  Range share(const Lane& lane) const;
  const float* reduced(const Lane& lane) const;
  void gather_sums(Lane& lane);
  uint32_t gather_requests(Lane& lane);
  void gather(Lane& lane, std::span<const MutableBytes> blocks, const char* what);
  void finish_buckets(Lane& lane);
  void wait_for_snapshot();

  Communicator& comm_;
  const Topology topology_;
  const KernelTable& kernels_;
  const ParamTable& params_;
  const ParamTable& state_;
  const std::vector<std::string> moments_;
  const OptimizerRules rules_;
  const AllReduceOptions options_;
  const std::vector<Range> buckets_;  // empty: one host
  NodeMemory memory_;
  LanePieces pieces_;  // of all lanes of the host
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::unique_ptr<InterNodeDriver> driver_;  // null: one host, or not its first rank
  std::shared_ptr<BufferPool> snapshot_buffers_ = std::make_shared<BufferPool>();
  std::shared_ptr<CopyPending> snapshot_copy_ = std::make_shared<CopyPending>();
  double snapshot_wait_ = 0, optimizer_ = 0;  // seconds of lane 0
};

}  // namespace trireme
