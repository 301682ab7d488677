#include "worker/servers/parameter_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "comm/sentence.h"
#include "worker/tables/table_exchange.h"

namespace trireme {
namespace {

std::vector<Range> ranges_of(const ps::Placement& placement) {
  std::vector<Range> ranges;
  for (const ps::Block& block : placement.blocks()) ranges.push_back(block.range);
  return ranges;
}

// What workers and servers wait for has a grace of its own; the lanes wait longer than both.
constexpr double kLanesGrace = 3 * kGrace;

// What lanes wait for.
constexpr const char* kVerdict = "the servers' word on the step";
constexpr const char* kNewWeights = "the new weights from the servers";

constexpr int kResidualTag = 420;  // a worker's residuals, to worker 0

}  // namespace

ParameterExchange::ParameterExchange(Subgroup& workers, const Topology& topology,
                                     const KernelTable& kernels, const Graph& graph,
                                     const Optimizer& optimizer, const ExchangeOptions& options,
                                     const ps::Placement& placement,
                                     const ps::Consistency& consistency, int64_t start_clock,
                                     uint32_t generation, const ps::Faults& faults)
    : NodeExchange(
          workers, topology, kernels, graph, options,
          {consistency.mode == ps::Mode::sync ? ranges_of(placement) : std::vector<Range>{}, 0,
           options.ema, ParameterCarrier::staging_floats(topology, graph.params().size()),
           consistency.mode != ps::Mode::sync}),
      placement_(placement),
      consistency_(consistency),
      moments_(optimizer.state().begin(), optimizer.state().end()),
      local_(kernels, params_, sync() ? 1 : options.push_every, start_clock),
      clock_(start_clock) {
  for (size_t i = 0; i < moments_.size(); ++i)
    initial_moments_.push_back(optimizer.initial_state(static_cast<int>(i)));
  ps::ClientConfig config;
  config.worker = comm_.rank();
  config.workers = comm_.size();
  config.generation = generation;
  config.start_clock = start_clock;
  config.consistency = consistency;
  config.tables = options_.served_tables;
  config.clip_table_norm = options_.clip_table_norm;
  config.codec = options_.codec;
  auto carrier = std::make_unique<ParameterCarrier>(workers, kernels_, topology_, pieces_,
                                                    placement_, config, memory_.params(),
                                                    memory_.staging(), options_.timeout, faults);
  carrier_ = carrier.get();
  start_driver(std::move(carrier));
}

void ParameterExchange::ask(const std::function<void(ps::ClientCore&)>& questions) {
  bool asked = false;
  driver_->until([&] {
    if (!std::exchange(asked, true)) questions(carrier_->client());
    return carrier_->concluded();
  });
}

void ParameterExchange::load(uint32_t buffer, const float* flat) {
  ask([&](ps::ClientCore& client) {
    for (size_t b = 0; b < placement_.blocks().size(); ++b)
      client.load(static_cast<int>(b), buffer, flat + placement_.blocks()[b].range.begin);
  });
}

void ParameterExchange::fetch(uint32_t buffer, float* flat) {
  ask([&](ps::ClientCore& client) {
    for (size_t b = 0; b < placement_.blocks().size(); ++b)
      client.fetch(static_cast<int>(b), buffer, flat + placement_.blocks()[b].range.begin);
  });
}

// Moments begin on the servers as the optimizer says.
void ParameterExchange::initialise(const float* params, const float* state) {
  std::copy_n(params, params_.size(), memory_.params());
  std::copy_n(state, state_.size(), memory_.state());
  if (memory_.ema()) std::copy_n(params, params_.size(), memory_.ema());
  if (first()) {
    load(ps::kWeights, params);
    if (memory_.ema()) load(ps::kAverage, params);
  }
  comm_.barrier({options_.timeout, "the initial weights", -1});
}

void ParameterExchange::restore(const TensorReader& read) {
  restore_flat(read, "model.", params_, memory_.params());
  restore_flat(read, "state.", state_, memory_.state());
  const bool sends = first() && !read_themselves;
  if (sends) load(ps::kWeights, memory_.params());
  if (first() && !sends) require_moments(read);
  if (sends) send_moments(read);
  if (first() && options_.codec.feeds_back()) restore_residuals(read);
  if (memory_.ema()) {
    restore_flat(read, "ema.", params_, memory_.ema());
    if (sends) load(ps::kAverage, memory_.ema());
  }
  comm_.barrier({options_.timeout, "the restored state", -1});
}

void ParameterExchange::send_moments(const TensorReader& read) {
  AlignedBuffer flat(static_cast<size_t>(params_.size()) * sizeof(float));
  for (size_t i = 0; i < moments_.size(); ++i) {
    std::fill_n(flat.floats(), params_.size(), initial_moments_[i]);
    restore_flat(read, "optimizer." + moments_[i] + ".", params_, flat.floats());
    load(ps::kFirstMoment + static_cast<uint32_t>(i), flat.floats());
  }
}

// Those that servers have read: `read` notes what there is not.
void ParameterExchange::require_moments(const TensorReader& read) const {
  for (const std::string& moment : moments_)
    for (const Slot& slot : params_.slots())
      (void)read({"optimizer." + moment + "." + slot.name, slot.logical, DType::f32}, {});
}

void ParameterExchange::begin(int lane, const StepPlan& plan) {
  if (lane == 0) tell([&](ps::ClientCore&) { carrier_->set_samples(plan.samples); });
  NodeExchange::begin(lane, plan);
}

void ParameterExchange::tell(const std::function<void(ps::ClientCore&)>& words) {
  driver_->until([&] {
    words(carrier_->client());
    return true;
  });
}

bool ParameterExchange::weights_are_here() { return carrier_->weights().from() == 0; }

// Lane 0 takes them in itself; for the others it does, or the driver's thread.
void ParameterExchange::await_weights(int lane_index, int64_t from) {
  WeightsMark& weights = carrier_->weights();
  Lane& lane = this->lane(lane_index);
  lane.barrier->check();
  if (weights.from() <= from) return;
  const auto start = Clock::now();
  try {
    if (lane.index == 0)
      driver_->until([&] { return weights.from() <= from; });
    else if (!weights.wait(from, deadline_in(options_.timeout + kLanesGrace),
                           [&] { lane.barrier->check(); }))
      report_missing_weights(lane.plan.step);
  } catch (const CommError&) {
    driver_->rethrow();  // the same sentence, and its hint
    throw;
  }
  lane.waited += seconds_since(start);
}

// The driver's thread, which knows whose they are, should have said so before.
void ParameterExchange::report_missing_weights(int64_t step) const {
  const Wait wait{options_.timeout + kLanesGrace, kNewWeights, step};
  throw CommError(waited(comm_.members()[static_cast<size_t>(comm_.rank())], wait, wait.seconds),
                  deadline_hint());
}

void ParameterExchange::leave(ExitCode code) {
  await_weights(0, 0);
  Servers::leave(code);
}

Verdict ParameterExchange::update(int lane_index, const Optimizer&, const UpdateRequest& request) {
  Lane& lane = this->lane(lane_index);
  announce(lane, request.requests);
  meet(lane, "gradients of all lanes");
  if (lane.index == 0) optimizer_ = 0;
  return sync() ? update_all(lane, request) : update_alone(lane, request);
}

Verdict ParameterExchange::update_all(Lane& lane, const UpdateRequest& request) {
  if (lane.index == 0) conclude_together(lane, request);
  meet(lane, kVerdict, kLanesGrace);
  if (!request.tables || options_.served_tables > 0) return verdict_;  // servers stepped the rows
  if (verdict_.applied) request.tables->commit(lane.index, topology_.lanes, scalars_);
  meet(lane, "the updated rows");
  return verdict_;
}

// With the first new weights of each server comes its word on the step. Where rows are the workers'
// own, each adds up what all pushed, and norms come from there; else from the servers.
void ParameterExchange::conclude_together(Lane& lane, const UpdateRequest& request) {
  const uint32_t requests = gather_requests(lane);
  const auto start = Clock::now();
  const int64_t clock = lane.plan.step;
  const bool served = options_.served_tables > 0;
  if (served) reduce_tables_alone(lane, request.tables);  // pushes, while the last blocks travel
  driver_->finish();
  if (!served) reduce_tables_alone(lane, request.tables);
  wait_for_snapshot();  // nothing comes in before it is asked for
  tell([&](ps::ClientCore& client) {
    take_coding(client);
    client.pull(clock + 1, clock + 1, false, 0, report());
  });
  if (first()) {
    driver_->until([&] { return carrier_->client().has_partials(); });
    std::ranges::copy(carrier_->client().partials(), memory_.partials());
    OptimizerScalars scalars = request.scalars;
    const StepVerdict step = conclude(request, scalars);
    tell([&](ps::ClientCore& client) { client.commit(clock, scalars, step); });
  }
  driver_->until([&] { return carrier_->concluded(); });
  const ps::PullResult& result = carrier_->client().result();
  verdict_ = {.applied = (result.verdict & ps::kApplied) != 0,
              .finite = (result.verdict & ps::kFinite) != 0,
              .requests = requests_of(requests),
              .grad_norm = result.grad_norm};
  scalars_ = result.scalars;
  reports_ = result.reports;
  clock_ = clock + 1;
  if (verdict_.applied && request.write_state) request.write_state();
  lane.waited += seconds_since(start);
}

// What a meeting before the next clock is for.
uint32_t ParameterExchange::push_and_pull(int64_t clock, const float* gradient,
                                          const OptimizerScalars& scalars, uint32_t requests) {
  ask([&](ps::ClientCore& client) {
    if (local_.active())
      push_local(client);
    else
      push_all(client, clock, gradient, scalars, clock);
    take_coding(client);
    client.pull(clock + 1, 0, true, requests, report());
  });
  if (local_.active()) local_.pushed();
  const ps::PullResult& result = carrier_->client().result();
  const int64_t behind = clock + 1 - result.slowest;
  staleness_ = static_cast<double>(behind);
  reports_ = result.reports;
  for (ps::PushReport* of : {&report_, &reports_}) of->add_pull(behind);
  return result.meet_at == clock + 1 ? result.requests : 0;
}

Verdict ParameterExchange::update_alone(Lane& lane, const UpdateRequest& request) {
  reduce_node(lane);
  meet(lane, "the reduced gradient");
  if (lane.index == 0) {
    const auto start = Clock::now();
    OptimizerScalars scalars = request.scalars;
    reduce_tables_alone(lane, request.tables);
    const StepVerdict step = conclude(request, scalars);
    const int64_t clock = lane.plan.step;
    const float* gradient = step.applied ? reduced(lane) : nullptr;
    const uint32_t requests = gather_requests(lane);
    wait_for_snapshot();
    if (request.tables) request.tables->commit(0, 1, scalars);
    if (local_.active()) local_.add(reduced(lane), scalars);
    uint32_t met = 0;
    staleness_ = -1;
    coding_.reset();
    if (local_.pushes(clock))
      met = push_and_pull(clock, gradient, scalars, requests);
    else
      local_.move(reduced(lane), scalars, memory_.params());
    clock_ = clock + 1;
    verdict_ = {.applied = step.applied != 0,
                .finite = step.finite != 0,
                .requests = requests_of(met),
                .grad_norm = step.grad_norm};
    lane.waited += seconds_since(start);
  }
  meet(lane, kVerdict, kLanesGrace);
  return verdict_;
}

// gradient: null: only that the clocks [since, clock] are done.
void ParameterExchange::push_all(ps::ClientCore& client, int64_t clock, const float* gradient,
                                 const OptimizerScalars& scalars, int64_t since) {
  for (size_t b = 0; b < placement_.blocks().size(); ++b)
    client.push(static_cast<int>(b), clock,
                gradient ? gradient + placement_.blocks()[b].range.begin : nullptr, scalars, since);
}

void ParameterExchange::push_local(ps::ClientCore& client) {
  push_all(client, local_.until(), local_.sum(), local_.scalars(), local_.since());
}

void ParameterExchange::take_coding(ps::ClientCore& client) {
  const ps::CodingCounts counts = client.coder().take_counts();
  coding_.reset();
  if (counts.plain_bytes == 0) return;
  coding_ = {counts.bytes, counts.plain_bytes,
             counts.all > 0 ? std::sqrt(counts.left_out / counts.all) : 0};
  ++report_.pushes;
  report_.bytes += coding_->bytes;
  report_.plain_bytes += coding_->plain_bytes;
  report_.left_out += coding_->error;
}

// Bounded and async: what local steps have added up is pushed, and nobody goes on before everybody
// has seen the weights of all pushes.
void ParameterExchange::settle() {
  await_weights(0, 0);
  if (settled_at_ == clock_) return;
  settled_at_ = clock_;
  if (!sync()) {
    ask([&](ps::ClientCore& client) {
      if (local_.pending()) push_local(client);
      client.pull(clock_, clock_, true);
    });
    await_weights(0, 0);
    if (local_.pending()) local_.pushed();
    comm_.barrier({options_.timeout, "all workers to meet", clock_});
  }
  if (memory_.ema()) fetch(ps::kAverage, memory_.ema());
}

// Weights are here already. What the other workers push next must not get in.
std::unique_ptr<StateSource> ParameterExchange::snapshot(bool writes) {
  std::unique_ptr<FlatState> flat;
  if (writes) {
    flat = std::make_unique<FlatState>(snapshot_buffers_, snapshot_copy_);
    flat->add("model.", params_, memory_.params());
    for (size_t i = 0; i < moments_.size() && !write_themselves; ++i)
      fetch(ps::kFirstMoment + static_cast<uint32_t>(i),
            flat->room("optimizer." + moments_[i] + ".", params_));
    if (memory_.ema()) flat->add("ema.", params_, memory_.ema());
    flat->add("state.", state_, memory_.state());
  }
  if (options_.codec.feeds_back())
    gather_residuals(flat ? flat->room(kResidual, params_) : nullptr);
  if (!sync()) comm_.barrier({options_.timeout, "the snapshot", clock_});
  return flat;
}

// What codecs of all workers have left out so far, as one mean gradient, on worker 0: added up in
// the order of workers.
void ParameterExchange::gather_residuals(float* flat) {
  AlignedBuffer room(static_cast<size_t>(params_.size()) * sizeof(float));
  float* mine = first() ? flat : room.floats();
  const auto count = static_cast<size_t>(params_.size());
  std::fill_n(mine, count, 0.0f);
  tell([&](ps::ClientCore& client) {
    client.coder().add_residuals(placement_, std::span(mine, count));
  });
  const Wait wait{options_.timeout, "what codecs left out", clock_};
  if (!first()) return comm_.wait(comm_.send(0, kResidualTag, {room.data(), room.size()}), wait);
  for (int worker = 1; worker < comm_.size(); ++worker) {
    comm_.wait(comm_.receive(worker, kResidualTag, {room.data(), room.size()}), wait);
    for (size_t i = 0; i < count; ++i) flat[i] += room.floats()[i];
  }
}

// Worker 0 goes on with what all of them had left out.
void ParameterExchange::restore_residuals(const TensorReader& read) {
  std::vector<float> mean(static_cast<size_t>(params_.size()));
  restore_flat(read, kResidual, params_, mean.data());
  tell([&](ps::ClientCore& client) { client.coder().set_residuals(placement_, mean); });
}

}  // namespace trireme
