#include "worker/exchange/node_exchange.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "worker/tables/table_exchange.h"

namespace trireme {
namespace {

static_assert(kSumChunk == kChunk, "a partial norm belongs to one chunk of the index space");
constexpr uint32_t kSave = 1, kStop = 2, kRequeue = 4;

}  // namespace

void require_ok(Status status, const char* kernel) {
  if (status != Status::ok) throw DeviceError(fmt::format("the kernel for the {} failed", kernel));
}

NodeExchange::NodeExchange(Communicator& comm, const Topology& topology, const KernelTable& kernels,
                           const Graph& graph, const ExchangeOptions& options, const Setup& setup)
    : comm_(comm),
      topology_(topology),
      kernels_(kernels),
      params_(graph.params()),
      state_(graph.state()),
      options_(options),
      setup_(setup),
      memory_(comm, topology_,
              {params_.size(), state_.size(), setup.moments, setup.ema, options.keep_leaves,
               options.max_sums, setup.staging, options.table_partials}) {
  table_squares_.resize(static_cast<size_t>(options_.table_partials));
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
}

NodeExchange::~NodeExchange() = default;

std::unique_ptr<NodeExchange::Lane> NodeExchange::make_lane(int index) const {
  auto lane = std::make_unique<Lane>();
  const LeafRun run = topology_.lane_run(index);
  lane->index = index;
  lane->node_member = topology_.first_node_member + index;
  lane->barrier = std::make_unique<NodeBarrier>(make_barrier(lane->node_member));
  lane->gradients =
      std::make_unique<GradientStack>(kernels_, run, options_.keep_leaves, options_.at_once,
                                      memory_.gradients(lane->node_member), memory_.stride());
  if (!setup_.buckets.empty())
    lane->sink = std::make_unique<BucketSink>(setup_.buckets, *lane->gradients,
                                              run.size() > 0 ? run.last - 1 : -1, arrivals(),
                                              lane->node_member);
  return lane;
}

NodeBarrier NodeExchange::make_barrier(int node_member) const {
  return {memory_.barrier(), topology_.node_members, node_member, topology_.node_ranks,
          topology_.rank_of_node_member};
}

void NodeExchange::start_driver(std::unique_ptr<BucketCarrier> carrier) {
  driver_ = std::make_unique<CarrierDriver>(std::move(carrier), setup_.buckets.size(), arrivals(),
                                            make_barrier(0), prepare_kernel_thread);
}

bool NodeExchange::present(const Lane& lane, int leaf) const {
  const LeafRun mine = topology_.node_runs[static_cast<size_t>(topology_.my_node)];
  const bool counts = over_nodes(lane) || (leaf >= mine.first && leaf < mine.last);
  return counts && leaf_span(lane.plan.begin, lane.plan.samples, leaf, topology_.shards).size() > 0;
}

Range NodeExchange::share(const Lane& lane) const {
  const int64_t chunks = params_.chunks();
  return params_.chunk_range(lane.node_member * chunks / topology_.node_members,
                             (lane.node_member + 1) * chunks / topology_.node_members);
}

void NodeExchange::meet(Lane& lane, const char* what, double grace) {
  const auto start = Clock::now();
  try {
    lane.barrier->arrive_and_wait({options_.timeout + grace, what, lane.plan.step});
  } catch (const CommError&) {
    if (driver_) driver_->rethrow();  // the same sentence, and its hint
    throw;
  }
  lane.waited += seconds_since(start);
}

void NodeExchange::begin(int lane_index, const StepPlan& plan) {
  Lane& lane = this->lane(lane_index);
  const bool same = !lane.prepared_for.empty() && lane.plan.samples == plan.samples &&
                    lane.plan.trains == plan.trains;
  lane.plan = plan;
  lane.waited = 0;
  lane.whole_written = false;
  lane.gradients->begin();
  if (!same) prepare_reduction(lane);
  if (drives(lane)) driver_->begin(plan.step, lane.prepared_for, plan.trains);
  if (!lane.sink || !plan.trains) return;
  lane.sink->begin();
  if (lane.sink->last_leaf() < 0) lane.sink->finish(false);
}

void NodeExchange::prepare_reduction(Lane& lane) {
  std::vector<bool> leaf_present(static_cast<size_t>(topology_.shards));
  for (int leaf = 0; leaf < topology_.shards; ++leaf)
    leaf_present[static_cast<size_t>(leaf)] = present(lane, leaf);
  if (lane.prepared_for == leaf_present) return;
  lane.prepared_for = leaf_present;
  std::vector<Piece> leaves;
  for (int leaf = 0; leaf < topology_.shards; ++leaf) leaves.push_back({0, leaf});
  lane.leaf_tree = tree_steps(leaves, leaf_present, topology_.shards);
  lane.sums.resize(lane.leaf_tree.adds.size() * static_cast<size_t>(options_.max_sums));
  if (over_nodes(lane)) return;
  const auto present = present_pieces(pieces_.pieces, leaf_present);
  lane.whole = RangeReducer(tree_steps(pieces_.pieces, present, topology_.shards),
                            static_cast<int>(pieces_.pieces.size()));
  lane.temporaries.resize(static_cast<size_t>(lane.whole.temporary_floats()));
}

float* NodeExchange::gradient(int lane, int leaf) {
  return this->lane(lane).gradients->gradient(leaf);
}

Exchange::PieceGradient NodeExchange::piece(int lane, int leaf) const {
  const GradientStack& gradients = *this->lane(lane).gradients;
  const Piece piece = gradients.piece(leaf);
  return {{piece.first(), piece.last()}, gradients.piece_gradient(leaf)};
}

GradSink* NodeExchange::sink(int lane, int leaf) {
  BucketSink* sink = this->lane(lane).sink.get();
  return sink && sink->last_leaf() == leaf ? sink : nullptr;
}

void NodeExchange::leaf_done(int lane_index, int leaf) {
  Lane& lane = this->lane(lane_index);
  const bool here = present(lane, leaf);
  if (!lane.sink || leaf != lane.sink->last_leaf()) {
    lane.gradients->done(leaf, here);
    return;
  }
  lane.sink->finish(here);
  lane.gradients->close(leaf, here);
}

double* NodeExchange::sum_slot(int lane, int leaf) {
  return memory_.sums(this->lane(lane).parity, leaf);
}

void NodeExchange::sync(int lane_index, int64_t doubles, double* total) {
  Lane& lane = this->lane(lane_index);
  meet(lane, "sums of all leaves");
  if (over_nodes(lane)) {
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

void NodeExchange::gather_sums(Lane& lane) {
  std::vector<MutableBytes> blocks;
  const size_t stride = static_cast<size_t>(memory_.sums(0, 1) - memory_.sums(0, 0));
  for (const LeafRun& run : topology_.node_runs)
    blocks.push_back(std::as_writable_bytes(
        std::span(memory_.sums(lane.parity, run.first), static_cast<size_t>(run.size()) * stride)));
  gather(lane, blocks, "sums of all leaves");
}

void NodeExchange::gather(Lane& lane, std::span<const MutableBytes> blocks, const char* what) {
  const auto start = Clock::now();
  driver_->gather(blocks, what);
  lane.waited += seconds_since(start);
}

void NodeExchange::announce(Lane& lane, const Requests& r) {
  *memory_.requests(lane.node_member) =
      (r.save ? kSave : 0) | (r.stop ? kStop : 0) | (r.requeue ? kRequeue : 0);
}

uint32_t NodeExchange::gather_requests(Lane& lane) {
  uint32_t all = 0;
  for (int m = 0; m < topology_.node_members; ++m) all |= *memory_.requests(m);
  if (!drives(lane) || !over_nodes(lane)) return all;
  std::vector<uint32_t> by_node(static_cast<size_t>(topology_.nodes));
  by_node[static_cast<size_t>(topology_.my_node)] = all;
  std::vector<MutableBytes> blocks;
  for (uint32_t& word : by_node) blocks.push_back(std::as_writable_bytes(std::span(&word, 1)));
  gather(lane, blocks, "requests to save or stop");
  for (uint32_t word : by_node) all |= word;
  return all;
}

Requests NodeExchange::requests_of(uint32_t bits) {
  return {(bits & kSave) != 0, (bits & kStop) != 0, (bits & kRequeue) != 0};
}

const float* NodeExchange::reduced(const Lane& lane) const {
  if (over_nodes(lane) || reduces(lane)) return memory_.reduced();
  return pieces_.data[static_cast<size_t>(lane.whole.single())];
}

void NodeExchange::reduce_pieces(Lane& lane, Range range) {
  const auto reduce = [&](int64_t begin, int64_t end) {
    if (begin < end)
      lane.whole.reduce(kernels_, pieces_.data, {begin, end}, memory_.reduced(),
                        lane.temporaries.data());
  };
  for (const Range& done : options_.at_once) {
    if (!lane.whole_written || done.begin >= range.end) break;
    reduce(range.begin, std::min(done.begin, range.end));
    range.begin = std::max(range.begin, done.end);
  }
  reduce(range.begin, range.end);
}

// A chunk is summed while its reduction is still in cache; what is reduced already, all at once.
void NodeExchange::reduce_node(Lane& lane) {
  const Range mine = share(lane);
  const float* grad = reduced(lane);
  const bool sums = reduces(lane);
  const int64_t block = sums ? kChunk : mine.size();
  for (Range part{mine.begin, 0}; part.begin < mine.end; part.begin = part.end) {
    part.end = std::min(part.begin + block, mine.end);
    if (sums) reduce_pieces(lane, part);
    require_ok(kernels_.sums_of_squares(nullptr, part.size(), grad + part.begin,
                                        memory_.partials() + part.begin / kChunk),
               "gradient's norm");
  }
}

void NodeExchange::gather_rows(Lane& lane, TableExchange& tables) {
  const auto start = Clock::now();
  tables.gather(lane.plan.step);
  lane.waited += seconds_since(start);
}

void NodeExchange::reduce_tables(Lane& lane, TableExchange* tables) {
  if (!tables) return;
  if (tables->gathers()) {
    if (lane.index == 0) gather_rows(lane, *tables);
    meet(lane, "row gradients of the other ranks", kGrace);
    tables->sum_gathered(lane.index, topology_.lanes);
    meet(lane, "the summed row gradients");
  }
  if (lane.index == 0) finish_tables(lane, *tables);
}

void NodeExchange::reduce_tables_alone(Lane& lane, TableExchange* tables) {
  if (!tables) return;
  if (tables->gathers()) {
    gather_rows(lane, *tables);
    tables->sum_gathered(0, 1);
  }
  finish_tables(lane, *tables);
}

void NodeExchange::finish_tables(Lane& lane, TableExchange& tables) {
  const auto start = Clock::now();
  tables.reduce(lane.plan.step, table_squares_);
  lane.waited += seconds_since(start);
  if (topology_.node_leader)
    std::ranges::copy(table_squares_, memory_.partials() + params_.chunks());
}

StepVerdict NodeExchange::conclude(const UpdateRequest& request, OptimizerScalars& scalars) const {
  const StepEnd end{params_.chunks() + options_.table_partials,
                    static_cast<int64_t>(request.loss_sums.size() / 2), request.clip_norm};
  StepVerdict step{};
  require_ok(kernels_.conclude_step(nullptr, &end, memory_.partials(), request.loss_sums.data(),
                                    &scalars, &step),
             "verdict");
  return step;
}

void NodeExchange::wait_for_snapshot() {
  const auto start = Clock::now();
  snapshot_copy_->wait();
  snapshot_wait_ = seconds_since(start);
}

double NodeExchange::wait_seconds(int lane) const { return this->lane(lane).waited; }

void NodeExchange::fail(std::string_view why) noexcept {
  lanes_.front()->barrier->fail(why);
  if (driver_) driver_->wake();
}

}  // namespace trireme
