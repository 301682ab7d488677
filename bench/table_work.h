#pragma once
// A step of an embedding table alone, wherever its rows live: 1,000,000 rows of 16 floats, 2,048
// samples x 26 ids by Zipf's law, forward, mean squared error against zeros, backward, Adagrad.

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "adagrad.h"
#include "base/rng.h"
#include "model/build.h"
#include "ps/table_shards.h"
#include "worker/exchange/topology.h"
#include "worker/lane_team.h"
#include "worker/program_set.h"
#include "worker/tables/lane_tables.h"

namespace trireme::bench {

inline constexpr int64_t kRows = 1'000'000, kDim = 16, kSamples = 2048, kFeatures = 26,
                         kBatches = 32;
inline constexpr double kSkew = 1.05;
inline constexpr int kShards = 8;

// Density x^-skew on [1, kRows + 1).
inline int64_t zipf(double u) {
  const double x = std::pow(1 + u * (std::pow(kRows + 1.0, 1 - kSkew) - 1), 1 / (1 - kSkew));
  return std::min(static_cast<int64_t>(x) - 1, kRows - 1);
}

inline std::vector<int64_t> draw_ids() {
  std::vector<int64_t> ids(static_cast<size_t>(kBatches * kSamples * kFeatures));
  for (size_t i = 0; i < ids.size(); ++i) {
    const Philox4 w = philox(1, i, 0);
    // Ranks of popularity scattered over the ids, as hashing does.
    ids[i] = zipf(to_unit_double(w[0], w[1])) * 7'919 % kRows;
  }
  return ids;
}

inline std::unique_ptr<Graph> make_graph() {
  auto graph = std::make_unique<Graph>();
  const NodeId ids = graph->add_input("ids", {kFeatures, 1}, DType::i64);
  const NodeId bag = graph->add("bag",
                                make_op("embedding_bag", {{"table", std::string("rows")},
                                                          {"dim", kDim},
                                                          {"per_feature", int64_t{0}},
                                                          {"flat", int64_t{1}}}),
                                {ids});
  graph->add_loss("loss", make_op("mse", {}), {bag}, "target", 1);
  graph->freeze();
  return graph;
}

class TableWork {
 public:
  // Borrows all.
  TableWork(const Graph& graph, const Topology& topology, LaneTeam& team, TableExchange& tables)
      : topology_(topology),
        team_(team),
        tables_(tables),
        programs_(graph, cpu_kernels(), {}),
        lane_tables_(graph, tables, {0, kShards}, team.spread()),
        ids_(draw_ids()),
        target_(static_cast<size_t>(kSamples * kFeatures * kDim)) {
    programs_.prepare(kSamples / kShards);
    for (int l = 0; l < topology.lanes; ++l) arenas_.emplace_back(programs_.arena_bytes());
  }

  // As training takes it: keys, rows, program, tree, optimizer.
  void step() {
    if (!lane_tables_.announced()) look_up(step_, LaneTables::For::training);
    if (tables_.asks_ahead()) {
      look_up(step_ + 1, LaneTables::For::ahead);
      lane_tables_.prepare_ahead();
    }
    lane_tables_.fetch(true);
    if (tables_.asks_ahead()) lane_tables_.announce();
    team_.run([&](int lane) {
      each_leaf(lane, [&](int leaf) { run_leaf(lane, leaf); });
      lane_tables_.push(lane, topology_.lane_run(lane));
    });
    team_.run([&](int lane) { tables_.sum(lane, topology_.lanes); });
    std::array<double, ps::kTableShards> squares;
    tables_.reduce(step_, squares);
    const OptimizerScalars scalars{0.05f, 1.0f / kSamples, 0, 0, ++step_, 0, 0};
    StepVerdict applied{};
    applied.finite = applied.applied = 1;
    tables_.conclude(scalars, applied);
    team_.run([&](int lane) { tables_.commit(lane, topology_.lanes, scalars); });
  }

  // Steps done.
  int64_t steps() const { return step_; }
  const int64_t* ids(int64_t step) const {
    return ids_.data() + step % kBatches * kSamples * kFeatures;
  }

 private:
  template <class Work>
  void each_leaf(int lane, Work work) {
    const LeafRun run = topology_.lane_run(lane);
    for (int leaf = run.first; leaf < run.last; ++leaf) work(leaf);
  }

  void look_up(int64_t step, LaneTables::For purpose) {
    team_.run([&](int lane) {
      each_leaf(lane,
                [&](int leaf) { lane_tables_.look_up(leaf, leaf_of(ids(step), leaf), purpose); });
    });
  }

  static LeafBatch leaf_of(const int64_t* ids, int leaf) {
    LeafBatch batch;
    batch.samples = kSamples / kShards;
    batch.fields[static_cast<size_t>(BatchField::ids)] = const_cast<std::byte*>(
        reinterpret_cast<const std::byte*>(ids + leaf * batch.samples * kFeatures));
    return batch;
  }

  void run_leaf(int lane, int leaf) {
    const LeafBatch batch = leaf_of(ids(step_), leaf);
    std::byte* fields[] = {batch.at(BatchField::ids), reinterpret_cast<std::byte*>(target_.data())};
    const SampleKey keys[kSamples / kShards] = {};
    double sums[2];
    Workspace ws;
    ws.arena = arenas_[static_cast<size_t>(lane)].data();
    ws.params = ws.grads = &no_parameters_;
    ws.fields = fields;
    ws.keys = keys;
    ws.sums = sums;
    ws.tables = lane_tables_.bind(leaf, true);
    programs_.any().run(ws, 0, nullptr, nullptr);
  }

  const Topology& topology_;
  LaneTeam& team_;
  TableExchange& tables_;
  ProgramSet programs_;
  LaneTables lane_tables_;
  std::vector<int64_t> ids_;
  std::vector<float> target_;
  std::vector<AlignedBuffer> arenas_;
  float no_parameters_ = 0;
  int64_t step_ = 0;
};

}  // namespace trireme::bench
