#include "worker/all_reduce_exchange.h"

#include <fmt/format.h>

#include <cstring>

#include "base/error.h"
#include "worker/bucket_sink.h"
#include "worker/buckets.h"
#include "worker/flat_state.h"
#include "worker/table_exchange.h"

namespace trireme {
namespace {
static_assert(kSumChunk == kChunk, "a partial norm belongs to one chunk of the index space");
// Seconds that lanes wait longer for lane 0 to hear from the other hosts: it knows which host is
// missing, and shall be the one to say so.
constexpr double kGrace = 2;
constexpr uint32_t kSave = 1, kStop = 2, kRequeue = 4;

void check(Status status, const char* what) {
  if (status != Status::ok) throw DeviceError(fmt::format("the kernel for the {} failed", what));
}
}  // namespace

struct AllReduceExchange::Lane {
  int index = 0, node_member = 0;
  std::unique_ptr<NodeBarrier> barrier;
  std::unique_ptr<GradientStack> gradients;
  StepPlan plan;
  int parity = 0;
  double waited = 0;
  std::vector<bool> prepared_for;
  TreeSteps leaf_tree;  // over single leaves, for sums
  // One node: the lanes' pieces to the root. Several: what the lane hands in while it computes.
  RangeReducer whole;
  std::vector<float> temporaries;
  std::unique_ptr<BucketSink> sink;
  std::vector<double> sums;  // of leaf_tree
};

AllReduceExchange::AllReduceExchange(Communicator& comm, const Topology& topology,
                                     const KernelTable& kernels, const Graph& graph,
                                     const Optimizer& optimizer, const AllReduceOptions& options)
    : comm_(comm),
      topology_(topology),
      kernels_(kernels),
      params_(graph.params()),
      state_(graph.state()),
      moments_(optimizer.state().begin(), optimizer.state().end()),
      rules_(optimizer.rules(params_)),
      options_(options),
      buckets_(topology_.nodes > 1 ? cut_buckets(params_.size(), options.bucket)
                                   : std::vector<Range>{}),
      memory_(comm, topology_,
              {params_.size(), state_.size(), static_cast<int>(moments_.size()), options.ema,
               options.keep_leaves, options.max_sums,
               InterNode::staging_floats(topology_, buckets_), options.tables}) {
  for (int m = 0; m < topology_.node_members; ++m) {
    const float* data = memory_.gradients(m);
    for (const Piece& piece : GradientStack::pieces(
             topology_.node_member_runs[static_cast<size_t>(m)], options.keep_leaves)) {
      pieces_.pieces.push_back(piece);
      pieces_.data.push_back(data);
      data += memory_.stride();
    }
  }
  for (int i = 0; i < topology_.lanes; ++i) lanes_.push_back(make_lane(i));
  if (topology_.nodes > 1 && topology_.node_leader)
    driver_ = std::make_unique<InterNodeDriver>(
        std::make_unique<InterNode>(comm, kernels, topology_, pieces_, buckets_, memory_.staging(),
                                    memory_.reduced(), options.timeout),
        buckets_.size(), arrivals(), make_barrier(0), prepare_kernel_thread);
  if (topology_.node_leader)
    for (size_t i = 0; i < moments_.size(); ++i)
      std::fill_n(memory_.moment(static_cast<int>(i)), params_.size(),
                  optimizer.initial_state(static_cast<int>(i)));
}

AllReduceExchange::~AllReduceExchange() = default;

std::unique_ptr<AllReduceExchange::Lane> AllReduceExchange::make_lane(int index) const {
  auto lane = std::make_unique<Lane>();
  const LeafRun run = topology_.lane_run(index);
  lane->index = index;
  lane->node_member = topology_.first_node_member + index;
  lane->barrier = std::make_unique<NodeBarrier>(make_barrier(lane->node_member));
  lane->gradients =
      std::make_unique<GradientStack>(kernels_, run, options_.keep_leaves, options_.at_once,
                                      memory_.gradients(lane->node_member), memory_.stride());
  if (topology_.nodes > 1)
    lane->sink =
        std::make_unique<BucketSink>(buckets_, *lane->gradients, run.size() > 0 ? run.last - 1 : -1,
                                     arrivals(), lane->node_member);
  return lane;
}

NodeBarrier AllReduceExchange::make_barrier(int node_member) const {
  return {memory_.barrier(), topology_.node_members, node_member, topology_.node_ranks,
          topology_.rank_of_node_member};
}

void AllReduceExchange::initialise(const float* params, const float* state) {
  if (topology_.node_leader) {
    std::copy_n(params, params_.size(), memory_.params());
    std::copy_n(state, state_.size(), memory_.state());
    if (memory_.ema()) std::copy_n(params, params_.size(), memory_.ema());
  }
  comm_.barrier({options_.timeout, "the initial weights", -1});
}

bool AllReduceExchange::present(const StepPlan& plan, int leaf) const {
  return leaf_span(plan.begin, plan.samples, leaf, topology_.shards).size() > 0;
}

std::vector<bool> AllReduceExchange::present_leaves(const StepPlan& plan) const {
  std::vector<bool> result(static_cast<size_t>(topology_.shards));
  for (int leaf = 0; leaf < topology_.shards; ++leaf)
    result[static_cast<size_t>(leaf)] = present(plan, leaf);
  return result;
}

// Speaks to the other hosts.
bool AllReduceExchange::drives(const Lane& lane) const { return driver_ && lane.index == 0; }

Range AllReduceExchange::share(const Lane& lane) const {
  const int64_t chunks = params_.chunks();
  return params_.chunk_range(lane.node_member * chunks / topology_.node_members,
                             (lane.node_member + 1) * chunks / topology_.node_members);
}

void AllReduceExchange::meet(Lane& lane, const char* what, double grace) {
  const auto start = Clock::now();
  try {
    lane.barrier->arrive_and_wait({options_.timeout + grace, what, lane.plan.step});
  } catch (const CommError&) {
    if (driver_) driver_->rethrow();  // the same sentence, and its hint
    throw;
  }
  lane.waited += seconds_since(start);
}

void AllReduceExchange::begin(int lane_index, const StepPlan& plan) {
  Lane& lane = *lanes_[static_cast<size_t>(lane_index)];
  const bool same = !lane.prepared_for.empty() && lane.plan.samples == plan.samples;
  lane.plan = plan;
  lane.waited = 0;
  lane.gradients->begin();
  if (!same) prepare_reduction(lane);
  if (drives(lane)) driver_->begin(plan.step, lane.prepared_for, plan.trains);
  if (!lane.sink || !plan.trains) return;
  lane.sink->begin();
  if (lane.sink->last_leaf() < 0) lane.sink->finish(false);
}

void AllReduceExchange::prepare_reduction(Lane& lane) {
  const std::vector<bool> leaf_present = present_leaves(lane.plan);
  if (lane.prepared_for == leaf_present) return;
  lane.prepared_for = leaf_present;
  std::vector<Piece> leaves;
  for (int leaf = 0; leaf < topology_.shards; ++leaf) leaves.push_back({0, leaf});
  lane.leaf_tree = tree_steps(leaves, leaf_present, topology_.shards);
  lane.sums.resize(lane.leaf_tree.adds.size() * static_cast<size_t>(options_.max_sums));
  if (topology_.nodes > 1) return;
  const auto present = present_pieces(pieces_.pieces, leaf_present);
  lane.whole = RangeReducer(tree_steps(pieces_.pieces, present, topology_.shards),
                            static_cast<int>(pieces_.pieces.size()));
  lane.temporaries.resize(static_cast<size_t>(lane.whole.temporary_floats()));
}

float* AllReduceExchange::gradient(int lane, int leaf) {
  return lanes_[static_cast<size_t>(lane)]->gradients->gradient(leaf);
}

Exchange::PieceGradient AllReduceExchange::piece(int lane, int leaf) const {
  const GradientStack& gradients = *lanes_[static_cast<size_t>(lane)]->gradients;
  const Piece piece = gradients.piece(leaf);
  return {{piece.first(), piece.last()}, gradients.piece_gradient(leaf)};
}

GradSink* AllReduceExchange::sink(int lane, int leaf) {
  BucketSink* sink = lanes_[static_cast<size_t>(lane)]->sink.get();
  return sink && sink->last_leaf() == leaf ? sink : nullptr;
}

void AllReduceExchange::leaf_done(int lane_index, int leaf) {
  Lane& lane = *lanes_[static_cast<size_t>(lane_index)];
  const bool here = present(lane.plan, leaf);
  if (!lane.sink || leaf != lane.sink->last_leaf()) {
    lane.gradients->done(leaf, here);
    return;
  }
  lane.sink->finish(here);
  lane.gradients->close(leaf, here);
}

double* AllReduceExchange::sum_slot(int lane, int leaf) {
  return memory_.sums(lanes_[static_cast<size_t>(lane)]->parity, leaf);
}

void AllReduceExchange::sync(int lane_index, int64_t doubles, double* total) {
  Lane& lane = *lanes_[static_cast<size_t>(lane_index)];
  meet(lane, "sums of all leaves");
  if (topology_.nodes > 1) {
    if (drives(lane)) gather_sums(lane);
    meet(lane, "sums of the other hosts", kGrace);
  }
  const auto operand = [&](int index) -> const double* {
    return index < topology_.shards
               ? memory_.sums(lane.parity, index)
               : lane.sums.data() + (index - topology_.shards) * options_.max_sums;
  };
  for (size_t k = 0; k < lane.leaf_tree.adds.size(); ++k) {
    const double* a = operand(lane.leaf_tree.adds[k].left);
    const double* b = operand(lane.leaf_tree.adds[k].right);
    double* out = lane.sums.data() + static_cast<int64_t>(k) * options_.max_sums;
    for (int64_t i = 0; i < doubles; ++i) out[i] = a[i] + b[i];
  }
  if (lane.leaf_tree.result < 0)
    std::fill_n(total, doubles, 0.0);
  else
    std::copy_n(operand(lane.leaf_tree.result), doubles, total);
  lane.parity ^= 1;
}

void AllReduceExchange::gather_sums(Lane& lane) {
  std::vector<MutableBytes> blocks;
  const size_t stride = static_cast<size_t>(memory_.sums(0, 1) - memory_.sums(0, 0));
  for (const LeafRun& run : topology_.node_runs)
    blocks.push_back(std::as_writable_bytes(
        std::span(memory_.sums(lane.parity, run.first), static_cast<size_t>(run.size()) * stride)));
  gather(lane, blocks, "sums of all leaves");
}

void AllReduceExchange::gather(Lane& lane, std::span<const MutableBytes> blocks, const char* what) {
  const auto start = Clock::now();
  driver_->gather(blocks, what);
  lane.waited += seconds_since(start);
}

void AllReduceExchange::finish_buckets(Lane& lane) {
  const auto start = Clock::now();
  driver_->finish();
  lane.waited += seconds_since(start);
}

// Requests of all ranks, or-ed. Written before the barrier that precedes the reduction, read after
// it.
uint32_t AllReduceExchange::gather_requests(Lane& lane) {
  uint32_t all = 0;
  for (int m = 0; m < topology_.node_members; ++m) all |= *memory_.requests(m);
  if (!drives(lane)) return all;
  std::vector<uint32_t> by_node(static_cast<size_t>(topology_.nodes));
  by_node[static_cast<size_t>(topology_.my_node)] = all;
  std::vector<MutableBytes> blocks;
  for (uint32_t& word : by_node) blocks.push_back(std::as_writable_bytes(std::span(&word, 1)));
  gather(lane, blocks, "requests to save or stop");
  for (uint32_t word : by_node) all |= word;
  return all;
}

// Where the whole reduced gradient ends: in the only piece, or in a buffer for it.
const float* AllReduceExchange::reduced(const Lane& lane) const {
  const int single = topology_.nodes == 1 ? lane.whole.single() : -1;
  return single >= 0 ? pieces_.data[static_cast<size_t>(single)] : memory_.reduced();
}

// Leaves the reduced gradient in reduced(), and partial norms in partials().
void AllReduceExchange::reduce(Lane& lane) {
  const Range mine = share(lane);
  const float* grad = reduced(lane);
  if (topology_.nodes > 1) {
    if (drives(lane)) finish_buckets(lane);
    meet(lane, "gradients of the other hosts", kGrace);
  }
  // A chunk is summed while its reduction is still in cache; what is reduced already, all at once.
  const bool reduced_here = topology_.nodes == 1 && lane.whole.single() < 0;
  const int64_t block = reduced_here ? kChunk : mine.size();
  for (Range part{mine.begin, 0}; part.begin < mine.end; part.begin = part.end) {
    part.end = std::min(part.begin + block, mine.end);
    if (reduced_here)
      lane.whole.reduce(kernels_, pieces_.data, part, memory_.reduced(), lane.temporaries.data());
    check(kernels_.sums_of_squares(nullptr, part.size(), grad + part.begin,
                                   memory_.partials() + part.begin / kChunk),
          "gradient's norm");
  }
}

// Partial norms of the tables follow those of the index space, one each.
void AllReduceExchange::reduce_tables(Lane& lane, TableExchange* tables) {
  if (!tables || lane.index != 0) return;
  std::vector<double> squares(static_cast<size_t>(options_.tables));
  const auto start = Clock::now();
  tables->reduce(lane.plan.step, squares);
  lane.waited += seconds_since(start);
  if (topology_.node_leader)
    std::copy(squares.begin(), squares.end(), memory_.partials() + params_.chunks());
}

void AllReduceExchange::wait_for_snapshot() {
  const auto start = Clock::now();
  snapshot_copy_->wait();
  snapshot_wait_ = seconds_since(start);
}

Verdict AllReduceExchange::update(int lane_index, const Optimizer& optimizer,
                                  const UpdateRequest& request) {
  Lane& lane = *lanes_[static_cast<size_t>(lane_index)];
  *memory_.requests(lane.node_member) = (request.requests.save ? kSave : 0) |
                                        (request.requests.stop ? kStop : 0) |
                                        (request.requests.requeue ? kRequeue : 0);
  meet(lane, "gradients of all lanes");
  uint32_t requests = gather_requests(lane);
  if (drives(lane)) *memory_.node_requests() = requests;
  reduce(lane);
  reduce_tables(lane, request.tables);
  if (lane.index == 0) wait_for_snapshot();  // nobody changes the state before this lane arrives
  meet(lane, "the reduced gradient");
  if (topology_.nodes > 1) requests = *memory_.node_requests();

  OptimizerScalars scalars = request.scalars;
  const StepEnd end{params_.chunks() + options_.tables,
                    static_cast<int64_t>(request.loss_sums.size() / 2), request.clip_norm};
  StepVerdict step{};
  check(kernels_.conclude_step(nullptr, &end, memory_.partials(), request.loss_sums.data(),
                               &scalars, &step),
        "verdict");
  Verdict verdict;
  verdict.grad_norm = step.grad_norm;
  verdict.finite = step.finite != 0;
  verdict.applied = step.applied != 0;
  verdict.requests = {(requests & kSave) != 0, (requests & kStop) != 0, (requests & kRequeue) != 0};
  const auto start = Clock::now();
  if (verdict.applied) {
    OptimizerBuffers buffers;
    buffers.grad = reduced(lane);
    buffers.weights = memory_.params();
    for (size_t i = 0; i < moments_.size(); ++i)
      buffers.state[i] = memory_.moment(static_cast<int>(i));
    buffers.ema = memory_.ema();
    check(optimizer.step(kernels_, rules_.on_host(), share(lane), &scalars, buffers, nullptr),
          "optimizer");
    if (request.tables) request.tables->commit(lane.index, topology_.lanes, scalars);
    if (lane.index == 0 && owns_state() && request.write_state) request.write_state();
  }
  if (lane.index == 0) optimizer_ = seconds_since(start);
  meet(lane, "the updated weights");
  return verdict;
}

std::unique_ptr<StateSource> AllReduceExchange::snapshot() {
  auto flat = std::make_unique<FlatState>(snapshot_buffers_, snapshot_copy_);
  flat->add("model.", params_, memory_.params());
  for (size_t i = 0; i < moments_.size(); ++i)
    flat->add("optimizer." + moments_[i] + ".", params_, memory_.moment(static_cast<int>(i)));
  if (memory_.ema()) flat->add("ema.", params_, memory_.ema());
  flat->add("state.", state_, memory_.state());
  return flat;
}

void AllReduceExchange::restore(const TensorReader& read) {
  const auto fill = [&](const std::string& prefix, const ParamTable& table, float* flat) {
    std::vector<float> logical;
    for (const Slot& slot : table.slots()) {
      logical.resize(static_cast<size_t>(slot.count));
      if (read({prefix + slot.name, slot.logical, DType::f32},
               std::as_writable_bytes(std::span(logical))))
        to_stored(slot, logical.data(), flat + slot.offset);
    }
  };
  if (topology_.node_leader) {
    fill("model.", params_, memory_.params());
    for (size_t i = 0; i < moments_.size(); ++i)
      fill("optimizer." + moments_[i] + ".", params_, memory_.moment(static_cast<int>(i)));
    if (memory_.ema()) fill("ema.", params_, memory_.ema());
    fill("state.", state_, memory_.state());
  }
  comm_.barrier({options_.timeout, "the restored state", -1});
}

double AllReduceExchange::wait_seconds(int lane) const {
  return lanes_[static_cast<size_t>(lane)]->waited;
}

void AllReduceExchange::fail(std::string_view why) noexcept {
  lanes_.front()->barrier->fail(why);
  if (driver_) driver_->wake();
}

}  // namespace trireme
