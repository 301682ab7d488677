#include "worker/lane_runner.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/clock.h"
#include "worker/lane_of_runner.h"
#include "worker/mean_loss.h"

namespace trireme {

LaneRunner::LaneRunner(const Graph& graph, LaneTeam& team, Exchange& exchange, ProgramSet& training,
                       ProgramSet& evaluation, const MetricSet& training_metrics,
                       const MetricSet& evaluation_metrics, const Optimizer& optimizer, bool labels,
                       const LaneSharing& sharing, TableExchange* tables)
    : graph_(graph),
      team_(team),
      exchange_(exchange),
      training_(training),
      evaluation_(evaluation),
      training_metrics_(training_metrics),
      evaluation_metrics_(evaluation_metrics),
      optimizer_(optimizer),
      labels_(labels),
      sharing_(sharing),
      batch_fields_(batch_fields(graph, training.any())),
      loss_weights_(loss_weights(graph)) {
  loss_sums_ = 2 * static_cast<int64_t>(loss_weights_.size());
  if (tables) tables_ = std::make_unique<LaneTables>(graph, *tables, rank_leaves(), team.spread());
}

LaneRunner::~LaneRunner() = default;

int64_t LaneRunner::max_sums(const Graph& graph, const ProgramSet& training,
                             const MetricSet& training_metrics,
                             const MetricSet& evaluation_metrics) {
  int64_t most = 2 * static_cast<int64_t>(graph.losses().size()) +
                 std::max(training_metrics.doubles(), evaluation_metrics.doubles());
  for (int s = 0; s < training.any().segments(); ++s)
    most = std::max(most, training.any().sync_doubles(s));
  return most;
}

void LaneRunner::allocate() {
  arriving_ = std::make_unique<ArrivingWeights>(exchange_, training_, team_.lanes());
  lanes_.resize(static_cast<size_t>(team_.lanes()));
  whole_.resize(std::bit_ceil(static_cast<size_t>(exchange_.shards())));
  const Program& program = training_.any();
  team_.run([&](int index) {
    auto lane = std::make_unique<Lane>();
    const size_t slots = static_cast<size_t>(this->slots(index));
    const size_t arenas = program.segments() > 1 || sharing_.side_by_side ? slots : 1;
    for (size_t a = 0; a < arenas; ++a)
      lane->arenas.emplace_back(a == 0
                                    ? std::max(training_.arena_bytes(), evaluation_.arena_bytes())
                                    : training_.arena_bytes());
    for (size_t s = 0; s < slots; ++s) {
      lane->kept.emplace_back(training_.kept_bytes());
      lane->fields.emplace_back(batch_fields_.size());
    }
    lane->workspaces.resize(slots);
    lane->piece.resize(slots);
    lane->leaf_sums.resize(slots * static_cast<size_t>(loss_sums_));
    for (int s = 0; s < program.segments(); ++s) lane->synced.emplace_back(program.sync_doubles(s));
    for (const auto& sums : lane->synced) lane->synced_sums.push_back(sums.data());
    lane->totals.resize(static_cast<size_t>(exchange_.max_sums()));
    lanes_[static_cast<size_t>(index)] = std::move(lane);
  });
}

int LaneRunner::slots(int index) const {
  const LeafRun run = exchange_.leaves(index);
  if (training_.any().segments() > 1 || sharing_.whole) return std::max(1, run.size());
  int most = 1;
  for (int leaf = run.first; leaf < run.last; ++leaf)
    most = std::max(most, exchange_.piece(index, leaf).leaves.size());
  return most;
}

LeafRun LaneRunner::rank_leaves() const {
  return {exchange_.leaves(0).first, exchange_.leaves(team_.lanes() - 1).last};
}

const LeafBatch& LaneRunner::load(Lane& lane, const StepPlan& plan, int leaf, Loader& loader) {
  const auto start = Clock::now();
  const LeafBatch& batch = loader.get(plan.step, leaf - rank_leaves().first);
  lane.data_seconds += seconds_since(start);
  return batch;
}

Workspace LaneRunner::bind(Lane& lane, int index, int leaf, int slot, ProgramSet& programs,
                           const LeafBatch& batch, const float* params) {
  const size_t s = static_cast<size_t>(slot);
  std::vector<std::byte*>& fields = lane.fields[s];
  for (size_t f = 0; f < batch_fields_.size(); ++f) fields[f] = batch.at(batch_fields_[f]);
  const bool trains = &programs == &training_;
  Workspace ws;
  ws.arena = lane.arenas[std::min(s, lane.arenas.size() - 1)].data();
  ws.kept = lane.kept[s].data();
  ws.params = params;
  ws.gate = trains && awaits_weights_ ? &arriving_->gate(index) : nullptr;
  ws.grads = trains ? exchange_.gradient(index, leaf) : nullptr;
  ws.state = exchange_.writable_state();
  ws.packed = programs.packed(batch.samples);
  ws.fields = fields.data();
  ws.keys = batch.keys;
  ws.sums = lane.leaf_sums.data() + slot * loss_sums_;
  if (tables_) ws.tables = tables_->bind(leaf, trains);
  return ws;
}

// The leaf's loss and metric sums into its slot of the final sync.
void LaneRunner::finish_leaf(int index, int leaf, const Program& program, const MetricSet& metrics,
                             const Workspace& ws, const LeafBatch& batch) {
  double* slot = exchange_.sum_slot(index, leaf);
  std::copy_n(ws.sums, loss_sums_, slot);
  std::fill_n(slot + loss_sums_, metrics.doubles(), 0.0);
  const int64_t width = graph_.node(graph_.output()).shape.elements();
  const std::byte* target = batch.at(BatchField::target);
  const auto* labels = labels_ ? reinterpret_cast<const int64_t*>(target) : nullptr;
  const auto* weight = reinterpret_cast<const float*>(batch.at(BatchField::weight));
  metrics.accumulate(batch.samples, width, program.output(ws), labels,
                     labels_ ? nullptr : reinterpret_cast<const float*>(target), weight,
                     slot + loss_sums_);
  if (metrics.gathers())
    metrics.gather(batch.samples, width, program.output(ws), labels, weight,
                   reinterpret_cast<const int64_t*>(batch.at(BatchField::ids)),
                   lanes_[static_cast<size_t>(index)]->scores);
}

// The running statistics after a step, from the sums that its segments synced.
void LaneRunner::write_state(const StepPlan& plan) {
  if (!training_.any().updates_state()) return;
  const Lane& lane = *lanes_.front();
  Workspace ws = lane.workspaces.front();
  ws.state = exchange_.writable_state();
  ws.synced_samples = static_cast<double>(plan.samples);
  training_.any().update_state(ws, lane.synced_sums);
}

void LaneRunner::read_totals(const double* totals, const MetricSet& metrics) {
  result_.weight = totals[1];
  result_.loss = mean_loss(loss_weights_, totals);
  result_.metrics.assign(totals + loss_sums_, totals + loss_sums_ + metrics.doubles());
}

void LaneRunner::train_lane(int index, const StepPlan& plan, Loader& loader,
                            const UpdateSettings& settings) {
  Lane& lane = *lanes_[static_cast<size_t>(index)];
  const auto start = Clock::now();
  if (!tables_) lane.data_seconds = 0;
  lane.poison = settings.poison && (index == 0 || sharing_.whole) && exchange_.leaves(0).size() > 0;
  exchange_.begin(index, plan);
  if (training_.any().segments() > 1)
    run_segments(lane, index, plan, loader);
  else if (sharing_.side_by_side && !lane.poison)
    run_side_by_side(lane, index, plan, loader);
  else
    run_leaves(lane, index, plan, loader);
  if (awaits_weights_) arriving_->gate(index).need(0);  // also without a leaf
  if (sharing_.whole)
    std::copy_n(lane.piece.begin(), exchange_.leaves(index).size(),
                whole_.begin() + exchange_.leaves(index).first);
  if (tables_) tables_->push(index, exchange_.leaves(index));
  const double waited_inside = exchange_.wait_seconds(index);
  double worked = seconds_since(start) - waited_inside;

  exchange_.sync(index, loss_sums_ + training_metrics_.doubles(), lane.totals.data());
  if (whole(lane)) {
    const auto begin = Clock::now();
    run_whole(lane, index, plan);
    worked += seconds_since(begin);
  }
  if (tables_) tables_->exchange().sum(index, team_.lanes());  // all lanes have pushed
  const double* totals = lane.totals.data();
  UpdateRequest request{settings.scalars,
                        settings.clip_norm,
                        {totals, static_cast<size_t>(loss_sums_)},
                        settings.requests};
  if (tables_) request.tables = &tables_->exchange();
  if (index == 0) request.write_state = [this, &plan] { write_state(plan); };
  const Verdict verdict = exchange_.update(index, optimizer_, request);
  if (index != 0) return;
  result_.plan = plan;
  result_.learning_rate = settings.scalars.lr;
  result_.verdict = verdict;
  read_totals(totals, training_metrics_);
  result_.data_seconds = lane.data_seconds;
  result_.compute_seconds = worked + fetch_seconds_ - lane.data_seconds;
  result_.hidden_seconds = exchange_.hidden_seconds();
  result_.checkpoint_seconds = exchange_.snapshot_wait_seconds();
  result_.optimizer_seconds = exchange_.optimizer_seconds();
  result_.wait_seconds = exchange_.wait_seconds(0);
  result_.staleness = exchange_.staleness();
  result_.coding = exchange_.coding();
  result_.reports = exchange_.reports();
  result_.exchange_seconds =
      seconds_since(start) - worked - result_.optimizer_seconds - result_.checkpoint_seconds;
}

void LaneRunner::evaluate_lane(int index, const StepPlan& plan, Loader& loader) {
  Lane& lane = *lanes_[static_cast<size_t>(index)];
  exchange_.begin(index, plan);
  lane.scores.clear();
  const LeafRun run = exchange_.leaves(index);
  for (int leaf = run.first; leaf < run.last; ++leaf) {
    if (leaf_span(plan.begin, plan.samples, leaf, exchange_.shards()).size() == 0) continue;
    const LeafBatch& batch = load(lane, plan, leaf, loader);
    const Workspace ws =
        bind(lane, index, leaf, 0, evaluation_, batch, exchange_.averaged_params());
    const Program& program = evaluation_.at(batch.samples);
    program.run(ws, 0, nullptr, nullptr);
    finish_leaf(index, leaf, program, evaluation_metrics_, ws, batch);
  }
  exchange_.sync(index, loss_sums_ + evaluation_metrics_.doubles(), lane.totals.data());
  if (index == 0) {
    read_totals(lane.totals.data(), evaluation_metrics_);
    result_.data_seconds = lane.data_seconds;
  }
}

void LaneRunner::pack(ProgramSet& programs, const StepPlan& plan, const float* params) {
  if (!programs.packs()) return;
  const std::vector<int64_t>& sizes = leaf_sizes(plan.samples);
  run_lanes([&](int lane) { programs.pack(sizes, params, lane, team_.lanes()); });
}

// A leaf's size depends on the batch's size alone, never on where in the epoch it begins.
const std::vector<int64_t>& LaneRunner::leaf_sizes(int64_t batch) {
  const auto [at, unknown] = leaf_sizes_.try_emplace(batch);
  std::vector<int64_t>& sizes = at->second;
  for (int leaf = rank_leaves().first; unknown && leaf < rank_leaves().last; ++leaf) {
    const int64_t n = leaf_span(0, batch, leaf, exchange_.shards()).size();
    if (n > 0 && std::find(sizes.begin(), sizes.end(), n) == sizes.end()) sizes.push_back(n);
  }
  return sizes;
}

void LaneRunner::run_lanes(const std::function<void(int)>& job) {
  team_.run(job, [this](const std::exception& e) { exchange_.fail(e.what()); });
}

void LaneRunner::look_up(const StepPlan& plan, Loader& loader, LaneTables::For step) {
  run_lanes([&](int index) {
    Lane& lane = *lanes_[static_cast<size_t>(index)];
    const LeafRun run = exchange_.leaves(index);
    for (int leaf = run.first; leaf < run.last; ++leaf)
      if (leaf_span(plan.begin, plan.samples, leaf, exchange_.shards()).size() > 0)
        tables_->look_up(leaf, load(lane, plan, leaf, loader), step);
  });
}

void LaneRunner::fetch_rows(const StepPlan& plan, const StepPlan* next, Loader& loader) {
  if (!tables_) return;
  const auto start = Clock::now();
  for (const auto& lane : lanes_) lane->data_seconds = 0;
  if (!plan.trains)
    look_up(plan, loader, LaneTables::For::evaluation);
  else if (!tables_->announced())
    look_up(plan, loader, LaneTables::For::training);
  const bool ahead = next && tables_->exchange().asks_ahead();
  if (ahead) {  // while servers still step the rows of the step before
    look_up(*next, loader, LaneTables::For::ahead);
    tables_->prepare_ahead();
  }
  tables_->fetch(plan.trains);
  if (ahead) tables_->announce();
  fetch_seconds_ = seconds_since(start);
}

// Where some are still under way, lanes pack what has come.
void LaneRunner::begin_with_weights(const StepPlan& plan) {
  awaits_weights_ = !exchange_.weights_are_here();
  const std::vector<int64_t>& sizes = leaf_sizes(plan.samples);
  if (awaits_weights_)
    arriving_->begin(sizes);
  else
    pack(training_, plan, exchange_.params());
}

void LaneRunner::train(const StepPlan& plan, Loader& loader, const UpdateSettings& settings) {
  begin_with_weights(plan);
  fetch_rows(plan, settings.next, loader);
  run_lanes([&](int lane) { train_lane(lane, plan, loader, settings); });
  loader.release(plan.step);
  fresh_ = true;
}

const StepResult* LaneRunner::finished(bool wait) {
  if (wait) exchange_.settle();
  return std::exchange(fresh_, false) ? &result_ : nullptr;
}

const StepResult& LaneRunner::evaluate(const StepPlan& plan, Loader& loader) {
  pack(evaluation_, plan, exchange_.averaged_params());
  fetch_rows(plan, nullptr, loader);
  run_lanes([&](int lane) { evaluate_lane(lane, plan, loader); });
  loader.release(plan.step);
  result_.scores.clear();
  for (const auto& lane : lanes_) result_.scores.append(lane->scores);
  return result_;
}

}  // namespace trireme
