// A step of an embedding table alone: 1,000,000 rows of 16 floats, 2,048 samples x 26 ids by Zipf's
// law, forward, mean squared error against zeros, backward, Adagrad. On all cores.
//   table_bench [LANES]
// run N step  -> seconds of N steps as training takes them: keys, rows, program, tree, optimizer.
// run N bound -> the same arithmetic in one loop over a plain array, one thread a part of the rows:
//                what de-duplicated gather, scatter and Adagrad cost where nothing has to be found.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/clock.h"
#include "base/rng.h"
#include "comm/communicator.h"
#include "model/build.h"
#include "ps/table_shards.h"
#include "serve.h"
#include "tensor/device.h"
#include "worker/lane_tables.h"
#include "worker/lane_team.h"
#include "worker/program_set.h"
#include "worker/replicated_tables.h"

namespace trireme::bench {
namespace {

constexpr int64_t kRows = 1'000'000, kDim = 16, kSamples = 2048, kFeatures = 26, kBatches = 32;
constexpr double kSkew = 1.05;
constexpr int kShards = 8;

// Density x^-skew on [1, kRows + 1).
int64_t zipf(double u) {
  const double x = std::pow(1 + u * (std::pow(kRows + 1.0, 1 - kSkew) - 1), 1 / (1 - kSkew));
  return std::min(static_cast<int64_t>(x) - 1, kRows - 1);
}

std::vector<int64_t> draw_ids() {
  std::vector<int64_t> ids(static_cast<size_t>(kBatches * kSamples * kFeatures));
  for (size_t i = 0; i < ids.size(); ++i) {
    const Philox4 w = philox(1, i, 0);
    // Ranks of popularity scattered over the ids, as hashing does.
    ids[i] = zipf(to_unit_double(w[0], w[1])) * 7'919 % kRows;
  }
  return ids;
}

std::unique_ptr<Graph> make_graph() {
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

OptimizerConfig adagrad() {
  OptimizerConfig c{};
  c.name = "adagrad";
  c.epsilon = 1e-10;
  return c;
}

class TableBench {
 public:
  explicit TableBench(int lanes)
      : lanes_(lanes),
        comm_(make_local_communicator()),
        topology_(make_topology(*comm_, lanes, kShards, 60)),
        graph_(make_graph()),
        programs_(*graph_, cpu_kernels(), {}),
        tables_(*comm_, topology_, cpu_kernels(), graph_->tables(),
                ps::RowOptimizer(Optimizer(adagrad()), false), 1, 60),
        lane_tables_(*graph_, tables_, {0, kShards}),
        team_(lanes, true, prepare_kernel_thread),
        ids_(draw_ids()),
        target_(static_cast<size_t>(kSamples * kFeatures * kDim)) {
    programs_.prepare(kSamples / kShards);
    for (int l = 0; l < lanes; ++l) arenas_.emplace_back(programs_.arena_bytes());
    std::vector<int64_t> all(kRows);
    std::iota(all.begin(), all.end(), 0);
    std::vector<float> rows(static_cast<size_t>(kRows * kDim));
    std::vector<uint8_t> present(kRows);
    tables_.fetch(0, all, true, rows.data(), present.data());
  }

  void step() {
    const int64_t batch = step_ % kBatches;
    const int64_t* ids = ids_.data() + batch * kSamples * kFeatures;
    const auto each_leaf = [&](int lane, auto&& work) {
      const LeafRun run = topology_.lane_run(lane);
      for (int leaf = run.first; leaf < run.last; ++leaf) work(leaf);
    };
    team_.run([&](int lane) {
      each_leaf(lane, [&](int leaf) {
        lane_tables_.look_up(leaf, leaf_of(ids, leaf), LaneTables::For::training);
      });
    });
    lane_tables_.fetch(true);
    team_.run([&](int lane) {
      each_leaf(lane, [&](int leaf) { run_leaf(lane, leaf, ids); });
      lane_tables_.push(lane, topology_.lane_run(lane));
    });
    std::array<double, ps::kTableShards> squares;
    tables_.reduce(step_, squares);
    const OptimizerScalars scalars{0.05f, 1.0f / kSamples, 0, 0, ++step_, 0, 0};
    team_.run([&](int lane) { tables_.commit(lane, lanes_, scalars); });
  }

  // Rows are numbers already; parts of the rows are threads.
  void bound() {
    if (weights_.empty()) {
      weights_.assign(static_cast<size_t>(kRows * kDim), 0.1f);
      sums_.assign(weights_.size(), 0.0f);
      gradients_.assign(weights_.size(), 0.0f);
      touched_.resize(static_cast<size_t>(lanes_));
    }
    const int64_t* ids = ids_.data() + step_++ % kBatches * kSamples * kFeatures;
    team_.run([&](int lane) {
      std::vector<int64_t>& touched = touched_[static_cast<size_t>(lane)];
      touched.clear();
      constexpr float kScale = 2.0f / (kFeatures * kDim) / kSamples;
      for (int64_t i = 0; i < kSamples * kFeatures; ++i) {
        const int64_t row = ids[i];
        if (row % lanes_ != lane) continue;
        float *w = weights_.data() + row * kDim, *g = gradients_.data() + row * kDim;
        if (g[0] == 0) touched.push_back(row);
        for (int64_t e = 0; e < kDim; ++e) g[e] += kScale * w[e];
      }
      for (const int64_t row : touched) {
        float *w = weights_.data() + row * kDim, *g = gradients_.data() + row * kDim,
              *s = sums_.data() + row * kDim;
        for (int64_t e = 0; e < kDim; ++e) {
          s[e] += g[e] * g[e];
          w[e] -= 0.05f * (g[e] / (std::sqrt(s[e]) + 1e-10f));
          g[e] = 0;
        }
      }
    });
  }

 private:
  static LeafBatch leaf_of(const int64_t* ids, int leaf) {
    LeafBatch batch;
    batch.samples = kSamples / kShards;
    batch.fields[static_cast<size_t>(BatchField::ids)] = const_cast<std::byte*>(
        reinterpret_cast<const std::byte*>(ids + leaf * batch.samples * kFeatures));
    return batch;
  }

  void run_leaf(int lane, int leaf, const int64_t* ids) {
    const LeafBatch batch = leaf_of(ids, leaf);
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

  const int lanes_;
  std::unique_ptr<Communicator> comm_;
  Topology topology_;
  std::unique_ptr<Graph> graph_;
  ProgramSet programs_;
  ReplicatedTables tables_;
  LaneTables lane_tables_;
  LaneTeam team_;
  std::vector<int64_t> ids_;
  std::vector<float> target_;
  std::vector<AlignedBuffer> arenas_;
  float no_parameters_ = 0;
  int64_t step_ = 0;
  std::vector<float> weights_, sums_, gradients_;  // of the bound
  std::vector<std::vector<int64_t>> touched_;
};

}  // namespace
}  // namespace trireme::bench

int main(int argc, char** argv) {
  using namespace trireme::bench;
  const int lanes = argc > 1 ? std::stoi(argv[1]) : trireme::default_lanes(1);
  TableBench bench(lanes);
  serve(fmt::format(R"({{"lanes": {}}})", lanes), [&](const Request& request) {
    const bool bound = !request.words.empty() && request.words.front() == "bound";
    const auto start = trireme::Clock::now();
    for (int64_t i = 0; i < request.repetitions; ++i) bound ? bench.bound() : bench.step();
    return trireme::seconds_since(start);
  });
}
