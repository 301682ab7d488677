#include "worker/exchange/all_reduce_exchange.h"

#include <algorithm>

#include "worker/exchange/buckets.h"
#include "worker/exchange/inter_node.h"
#include "worker/tables/table_exchange.h"

namespace trireme {
namespace {

std::vector<Range> buckets_of(const Topology& topology, const Graph& graph, int64_t size) {
  return topology.nodes > 1 ? cut_buckets(graph.params().size(), size) : std::vector<Range>{};
}

}  // namespace

AllReduceExchange::AllReduceExchange(Communicator& comm, const Topology& topology,
                                     const KernelTable& kernels, const Graph& graph,
                                     const Optimizer& optimizer, const ExchangeOptions& options)
    : NodeExchange(
          comm, topology, kernels, graph, options,
          {buckets_of(topology, graph, options.bucket), static_cast<int>(optimizer.state().size()),
           options.ema,
           InterNode::staging_floats(topology, buckets_of(topology, graph, options.bucket)),
           false}),
      moments_(optimizer.state().begin(), optimizer.state().end()),
      rules_(optimizer.rules(params_)) {
  if (topology_.nodes > 1 && topology_.node_leader)
    start_driver(std::make_unique<InterNode>(comm_, kernels_, topology_, pieces_, setup_.buckets,
                                             memory_.staging(), memory_.reduced(),
                                             options_.timeout));
  if (topology_.node_leader)
    for (size_t i = 0; i < moments_.size(); ++i)
      std::fill_n(memory_.moment(static_cast<int>(i)), params_.size(),
                  optimizer.initial_state(static_cast<int>(i)));
}

void AllReduceExchange::initialise(const float* params, const float* state) {
  if (topology_.node_leader) {
    std::copy_n(params, params_.size(), memory_.params());
    std::copy_n(state, state_.size(), memory_.state());
    if (memory_.ema()) std::copy_n(params, params_.size(), memory_.ema());
  }
  comm_.barrier({options_.timeout, "the initial weights", -1});
}

float* AllReduceExchange::whole_gradient(int lane_index) {
  if (topology_.lanes < topology_.members) return nullptr;  // what others hold is not to be seen
  lane(lane_index).whole_written = true;
  return memory_.reduced();
}

void AllReduceExchange::finish_buckets(Lane& lane) {
  const auto start = Clock::now();
  driver_->finish();
  lane.waited += seconds_since(start);
}

Verdict AllReduceExchange::update(int lane_index, const Optimizer& optimizer,
                                  const UpdateRequest& request) {
  Lane& lane = this->lane(lane_index);
  announce(lane, request.requests);
  meet(lane, "gradients of all lanes");
  uint32_t requests = gather_requests(lane);
  if (drives(lane)) *memory_.node_requests() = requests;
  if (topology_.nodes > 1) {
    if (drives(lane)) finish_buckets(lane);
    meet(lane, "gradients of the other hosts", kGrace);
  }
  reduce_node(lane);
  reduce_tables(lane, request.tables);
  if (lane.index == 0) wait_for_snapshot();  // nobody changes the state before this lane arrives
  meet(lane, "the reduced gradient");
  if (topology_.nodes > 1) requests = *memory_.node_requests();

  OptimizerScalars scalars = request.scalars;
  const StepVerdict step = conclude(request, scalars);
  const Verdict verdict{.applied = step.applied != 0,
                        .finite = step.finite != 0,
                        .requests = requests_of(requests),
                        .grad_norm = step.grad_norm};
  if (lane.index == 0 && request.tables) request.tables->conclude(scalars, step);
  const auto start = Clock::now();
  if (verdict.applied) {
    OptimizerBuffers buffers;
    buffers.grad = reduced(lane);
    buffers.weights = memory_.params();
    for (size_t i = 0; i < moments_.size(); ++i)
      buffers.state[i] = memory_.moment(static_cast<int>(i));
    buffers.ema = memory_.ema();
    require_ok(optimizer.step(kernels_, rules_.on_host(), share(lane), &scalars, buffers, nullptr),
               "optimizer");
    if (request.tables) request.tables->commit(lane.index, topology_.lanes, scalars);
    if (lane.index == 0 && owns_state() && request.write_state) request.write_state();
  }
  if (lane.index == 0) optimizer_ = seconds_since(start);
  meet(lane, "the updated weights");
  return verdict;
}

std::unique_ptr<StateSource> AllReduceExchange::snapshot(bool writes) {
  if (!writes) return nullptr;
  auto flat = std::make_unique<FlatState>(snapshot_buffers_, snapshot_copy_);
  flat->add("model.", params_, memory_.params());
  for (size_t i = 0; i < moments_.size(); ++i)
    flat->add("optimizer." + moments_[i] + ".", params_, memory_.moment(static_cast<int>(i)));
  if (memory_.ema()) flat->add("ema.", params_, memory_.ema());
  flat->add("state.", state_, memory_.state());
  return flat;
}

void AllReduceExchange::restore(const TensorReader& read) {
  if (topology_.node_leader) {
    restore_flat(read, "model.", params_, memory_.params());
    for (size_t i = 0; i < moments_.size(); ++i)
      restore_flat(read, "optimizer." + moments_[i] + ".", params_,
                   memory_.moment(static_cast<int>(i)));
    if (memory_.ema()) restore_flat(read, "ema.", params_, memory_.ema());
    restore_flat(read, "state.", state_, memory_.state());
  }
  comm_.barrier({options_.timeout, "the restored state", -1});
}

}  // namespace trireme
