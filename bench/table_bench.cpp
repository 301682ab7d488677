// TableWork's step with rows in this process, on all cores.
//   table_bench [LANES]
// run N step  -> seconds of N steps.
// run N bound -> the same arithmetic in one loop over a plain array, one thread a part of the rows:
//                what de-duplicated gather, scatter and Adagrad cost where nothing has to be found.

#include <fmt/format.h>

#include "base/clock.h"
#include "comm/communicator.h"
#include "serve.h"
#include "table_work.h"
#include "worker/tables/replicated_tables.h"

namespace trireme::bench {
namespace {

class TableBench {
 public:
  explicit TableBench(int lanes)
      : lanes_(lanes),
        comm_(make_local_communicator()),
        topology_(make_topology(*comm_, lanes, kShards, 60)),
        graph_(make_graph()),
        team_(lanes, true, prepare_kernel_thread),
        tables_(*comm_, topology_, cpu_kernels(), graph_->tables(),
                ps::RowOptimizer(Optimizer(adagrad()), false), 1, 60, {}, team_.spread()),
        work_(*graph_, topology_, team_, tables_) {
    std::vector<int64_t> all(kRows);
    std::iota(all.begin(), all.end(), 0);
    std::vector<float> rows(static_cast<size_t>(kRows * kDim));
    std::vector<uint8_t> present(kRows);
    const TableExchange::Fetch wanted{all, rows.data(), present.data()};
    tables_.fetch(std::span(&wanted, 1), true);
  }

  void step() { work_.step(); }

  // Rows are numbers already; parts of the rows are threads.
  void bound() {
    if (weights_.empty()) {
      weights_.assign(static_cast<size_t>(kRows * kDim), 0.1f);
      sums_.assign(weights_.size(), 0.0f);
      gradients_.assign(weights_.size(), 0.0f);
      touched_.resize(static_cast<size_t>(lanes_));
    }
    const int64_t* ids = work_.ids(step_++);
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
  const int lanes_;
  std::unique_ptr<Communicator> comm_;
  Topology topology_;
  std::unique_ptr<Graph> graph_;
  LaneTeam team_;
  ReplicatedTables tables_;
  TableWork work_;
  int64_t step_ = 0;                               // of the bound
  std::vector<float> weights_, sums_, gradients_;  // likewise
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
