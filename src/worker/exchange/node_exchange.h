#pragma once
// What exchanges have in common: the lanes of a node, their gradients, pieces and in-step sums in
// the node's window, and the thread that lets buckets travel while the lanes compute. How gradients
// become an update is the derived class's matter.

#include <memory>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "comm/node_barrier.h"
#include "comm/range_reducer.h"
#include "model/graph.h"
#include "ps/codec.h"
#include "worker/exchange/bucket_sink.h"
#include "worker/exchange/carrier_driver.h"
#include "worker/exchange/exchange.h"
#include "worker/exchange/gradient_stack.h"
#include "worker/exchange/node_memory.h"
#include "worker/exchange/node_sums.h"
#include "worker/flat_state.h"

namespace trireme {

struct ExchangeOptions {
  bool keep_leaves = false;    // programs of several segments
  std::vector<Range> at_once;  // Program::at_once()
  int64_t max_sums = 0;
  bool ema = false;
  double timeout = 300;
  int64_t bucket = int64_t{1} << 20;  // elements of a bucket between hosts, or of a server's block
  int64_t table_partials = 0;         // partial norms of UpdateRequest::tables
  int served_tables = 0;              // of these tables, whose rows live on servers: all or none
  double clip_table_norm = 0;         // of these
  int64_t push_every = 1;             // steps; to servers, where workers do not go in step
  ps::CodecSpec codec;                // of pushes to servers
};

class NodeExchange : public Exchange {
 public:
  ~NodeExchange() override;
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
  double wait_seconds(int lane) const override;
  double optimizer_seconds() const override { return optimizer_; }
  double hidden_seconds() const override { return driver_ ? driver_->hidden() : 0; }
  double snapshot_wait_seconds() const override { return snapshot_wait_; }
  void fail(std::string_view why) noexcept override;
  size_t bytes() const { return memory_.bytes(); }

 protected:
  struct Lane {  // what one lane's thread owns
    int index = 0, node_member = 0;
    std::unique_ptr<NodeBarrier> barrier;
    std::unique_ptr<GradientStack> gradients;
    StepPlan plan;
    int parity = 0;
    double waited = 0;
    std::vector<bool> prepared_for;
    TreeSteps leaf_tree;  // over single leaves, for sums
    // The node's pieces to the root of what its lanes add up by themselves.
    RangeReducer whole;
    bool whole_written = false;  // options_.at_once lie in memory_.reduced(), of this step
    std::vector<float> temporaries;
    std::unique_ptr<BucketSink> sink;  // null: nothing travels while lanes compute
    std::vector<double> sums;          // of leaf_tree
  };
  struct Setup {
    std::vector<Range> buckets;  // that travel while lanes compute; empty: none
    int moments = 0;             // in the node's memory
    bool ema = false;
    int64_t staging = 0;  // floats
    // Each node trains by itself: sums and gradients of a training step are its own. Evaluations
    // are everybody's.
    bool apart = false;
  };

  // Every rank must call.
  NodeExchange(Communicator& comm, const Topology& topology, const KernelTable& kernels,
               const Graph& graph, const ExchangeOptions& options, const Setup& setup);
  // On ranks that speak to other nodes or to servers.
  void start_driver(std::unique_ptr<BucketCarrier> carrier);

  NodeBarrier make_barrier(int node_member) const;
  Arrivals arrivals() const { return {memory_.arrivals(), topology_.node_members}; }
  Lane& lane(int index) const { return *lanes_[static_cast<size_t>(index)]; }
  void meet(Lane& lane, const char* what, double grace = 0);
  bool drives(const Lane& lane) const { return driver_ && lane.index == 0; }
  // Several nodes take part in what these lanes now do.
  bool over_nodes(const Lane& lane) const {
    return topology_.nodes > 1 && !(setup_.apart && lane.plan.trains);
  }
  Range share(const Lane& lane) const;  // of the index space, among the node's lanes
  // reduced(): where the whole sum of the node's pieces ends, in the only one or in a buffer.
  const float* reduced(const Lane& lane) const;
  // Whether that takes a pass over the pieces.
  bool reduces(const Lane& lane) const {
    return !over_nodes(lane) && (lane.whole_written || lane.whole.single() < 0);
  }
  void reduce_node(Lane& lane);  // leaves share(lane) of it there, with partial norms
  void reduce_pieces(Lane& lane, Range range);  // but for what is whole already
  // Adds up row gradients of all ranks; leaves the tables' partial norms behind those of the index
  // space. By all lanes of every rank together, or by lane 0 of each while the others wait.
  void reduce_tables(Lane& lane, TableExchange* tables);
  void reduce_tables_alone(Lane& lane, TableExchange* tables);
  void gather_rows(Lane& lane, TableExchange& tables);
  void finish_tables(Lane& lane, TableExchange& tables);
  // The verdict that follows from all partial norms of memory_; fills in the scalars' scale and
  // skip.
  StepVerdict conclude(const UpdateRequest& request, OptimizerScalars& scalars) const;
  void announce(Lane& lane, const Requests& requests);  // before a meeting of the node's lanes
  uint32_t gather_requests(Lane& lane);  // after it: of all ranks, or-ed; see requests_of()
  static Requests requests_of(uint32_t bits);
  void wait_for_snapshot();

  Communicator& comm_;
  const Topology topology_;
  const KernelTable& kernels_;
  const ParamTable& params_;
  const ParamTable& state_;
  const ExchangeOptions options_;
  const Setup setup_;
  NodeMemory memory_;
  LanePieces pieces_;  // of all lanes of the node
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::unique_ptr<CarrierDriver> driver_;
  std::shared_ptr<BufferPool> snapshot_buffers_ = std::make_shared<BufferPool>();
  std::shared_ptr<CopyPending> snapshot_copy_ = std::make_shared<CopyPending>();
  double snapshot_wait_ = 0, optimizer_ = 0;  // seconds of lane 0
  std::vector<double> table_squares_;         // room of reduce_tables()

 private:
  std::unique_ptr<Lane> make_lane(int index) const;
  void prepare_reduction(Lane& lane);
  bool present(const Lane& lane, int leaf) const;
  void gather_sums(Lane& lane);
  void gather(Lane& lane, std::span<const MutableBytes> blocks, const char* what);
};

// Seconds that lanes wait longer for lane 0 to hear from other ranks: it knows who is missing, and
// shall be the one to say so.
constexpr double kGrace = 2;

// Throws DeviceError, naming the kernel.
void require_ok(Status status, const char* kernel);

}  // namespace trireme
