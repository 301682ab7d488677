// Tables that every rank holds: the same bits on any number of ranks and lanes, and over a
// checkpoint.
#include "worker/tables/replicated_tables.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <filesystem>

#include "base/error.h"
#include "base/rng.h"
#include "comm/thread_comm.h"
#include "ps/table_shards.h"
#include "tensor/device.h"
#include "worker/tables/table_state.h"

namespace trireme {
namespace {

constexpr int64_t kDim = 3;
const std::vector<TableSpec> kTables = {{"users", kDim, {Init::uniform, -0.5, 0.5}},
                                        {"items", 1, {}}};

OptimizerConfig adagrad() {
  OptimizerConfig c{};
  c.name = "adagrad";
  c.epsilon = 1e-10;
  return c;
}

// What a leaf hands in: a few of 50 keys, with made-up rows.
ps::RowGradient leaf_gradient(int64_t step, int leaf, size_t table) {
  ps::RowGradient g;
  g.dim = kTables[table].dim;
  for (uint64_t key = 0; key < 50; ++key) {
    const Philox4 w =
        philox(mix(static_cast<uint64_t>(step), table), static_cast<uint64_t>(leaf), key);
    if (w[0] % 4 != 0) continue;
    g.keys.push_back(static_cast<int64_t>(key) - 20);
    for (int64_t e = 0; e < g.dim; ++e)
      g.rows.push_back(to_unit_float(w[static_cast<size_t>(1 + e % 3)]) - 0.5f);
  }
  return g;
}

struct Outcome {
  std::string digest;
  std::vector<double> squares;
  std::vector<float> fetched;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

class Job {  // one rank
 public:
  Job(Communicator& comm, int lanes, int shards)
      : topology(make_topology(comm, lanes, shards, 20)),
        tables(comm, topology, cpu_kernels(), kTables,
               ps::RowOptimizer(Optimizer(adagrad()), false), 7, 20) {}

  void step(int64_t s, int absent_leaf, Outcome& outcome) {
    const std::vector<int64_t> keys = {-20, 3, 11 + s};
    std::vector<float> rows(keys.size() * kDim);
    std::vector<uint8_t> present(keys.size());
    tables.fetch(std::vector<TableExchange::Fetch>{{keys, rows.data(), present.data()}}, true);
    outcome.fetched.insert(outcome.fetched.end(), rows.begin(), rows.end());
    std::deque<ps::RowGradient> pushed;
    for (int lane = 0; lane < topology.lanes; ++lane) {
      const LeafRun run = topology.lane_run(lane);
      for (int leaf = run.first; leaf < run.last; ++leaf)
        for (size_t t = 0; t < kTables.size() && leaf != absent_leaf; ++t)
          tables.push(lane, static_cast<int>(t),
                      {{0, leaf}, pushed.emplace_back(leaf_gradient(s, leaf, t))});
    }
    for (int lane = 0; lane < topology.lanes; ++lane) tables.sum(lane, topology.lanes);
    std::vector<double> squares(kTables.size() * ps::kTableShards);
    if (tables.gathers()) {
      tables.gather(s);
      for (int lane = 0; lane < topology.lanes; ++lane) tables.sum_gathered(lane, topology.lanes);
    }
    tables.reduce(s, squares);
    outcome.squares.insert(outcome.squares.end(), squares.begin(), squares.end());
    for (int lane = 0; lane < topology.lanes; ++lane)
      tables.commit(lane, topology.lanes, {0.1f, 0.25f, 0, 0, s + 1, 0, 0});
    outcome.digest = tables.digest();
  }

  Topology topology;
  ReplicatedTables tables;
};

Outcome run(int ranks, int lanes, int shards, std::vector<int> nodes = {}) {
  std::vector<Outcome> outcomes(static_cast<size_t>(ranks));
  run_thread_ranks(
      ranks,
      [&](Communicator& comm) {
        Job job(comm, lanes, shards);
        for (int64_t s = 0; s < 4; ++s)
          job.step(s, s == 2 ? 5 : -1, outcomes[static_cast<size_t>(comm.rank())]);
      },
      std::move(nodes));
  for (const Outcome& o : outcomes) EXPECT_EQ(o, outcomes.front()) << "ranks disagree";
  return outcomes.front();
}

TEST(ReplicatedTables, GiveTheSameBitsOnAnyNumberOfRanksAndLanes) {
  const Outcome reference = run(1, 1, 8);
  for (const int ranks : {1, 2, 3, 4, 7})
    for (const int lanes : {1, 3})
      EXPECT_EQ(run(ranks, lanes, 8), reference) << ranks << " " << lanes;
  EXPECT_EQ(run(4, 1, 8, {0, 1, 0, 1}), reference) << "ranks dealt out over hosts in turn";
}

TEST(ReplicatedTables, WorkForShardsThatAreNoPowerOfTwo) {
  EXPECT_EQ(run(3, 1, 11), run(1, 1, 11));
}

TEST(ReplicatedTables, ReadWithoutMakingRowsWhereNothingIsTrained) {
  const auto comm = make_local_communicator();
  Job job(*comm, 1, 8);
  const std::vector<int64_t> keys = {4, 9};
  std::vector<float> rows(2 * kDim, -1);
  std::vector<uint8_t> present(2, 7);
  const auto look_up = [&](std::span<const int64_t> of, bool trains) {
    const TableExchange::Fetch wanted{of, rows.data(), present.data()};
    job.tables.fetch(std::span(&wanted, 1), trains);
  };
  look_up(std::span(keys).first(1), true);
  look_up(keys, false);
  EXPECT_EQ(present, (std::vector<uint8_t>{1, 0}));
  EXPECT_NE(rows[0], 0);
  EXPECT_EQ(rows[kDim], 0);
  EXPECT_EQ(job.tables.counts(0).rows, 1);
}

class TablesInCheckpoints : public testing::Test {
 protected:
  Path dir =
      std::filesystem::temp_directory_path() / ("trireme-tables-" + std::to_string(::getpid()));
  ~TablesInCheckpoints() override { std::filesystem::remove_all(dir); }
  Path save(Job& job, int64_t step) const {
    const auto snapshot = job.tables.snapshot();
    snapshot->capture();
    RunState state;
    state.step = step;
    return save_checkpoint(dir, *snapshot, state, {});
  }
};

class TablesAfterAStep : public TablesInCheckpoints {
 protected:
  TablesAfterAStep() {
    Outcome outcome;
    job.step(0, -1, outcome);
  }
  std::unique_ptr<Communicator> comm = make_local_communicator();
  Job job{*comm, 1, 8};
};

TEST_F(TablesInCheckpoints, ResumeOnOtherRanksToTheBitsOfAnUninterruptedRun) {
  const Outcome expected = run(2, 1, 8);
  const auto comm = make_local_communicator();
  Job first(*comm, 1, 8);
  Outcome begun;
  first.step(0, -1, begun);
  first.step(1, -1, begun);
  const Path checkpoint = save(first, 2);
  run_thread_ranks(3, [&](Communicator& ranks) {
    Job resumed(ranks, 1, 8);
    resumed.tables.restore(CheckpointReader(checkpoint, true));
    Outcome outcome;
    resumed.step(2, 5, outcome);
    resumed.step(3, -1, outcome);
    EXPECT_EQ(outcome.digest, expected.digest);
    EXPECT_EQ(resumed.tables.counts(1).rows, first.tables.counts(1).rows);
  });
}

TEST_F(TablesAfterAStep, ListKeysAndRowsByAscendingKey) {
  const CheckpointReader reader(save(job, 1), true);
  const TensorMeta* keys = reader.find("table.users.keys");
  ASSERT_TRUE(keys);
  const auto n = keys->shape[0];
  ASSERT_EQ(n, job.tables.counts(0).rows);
  std::vector<int64_t> read(static_cast<size_t>(n));
  reader.read(*keys, std::as_writable_bytes(std::span(read)));
  EXPECT_TRUE(std::is_sorted(read.begin(), read.end()));
  EXPECT_EQ(reader.find("table.users.rows")->shape, (Shape{n, kDim}));
  EXPECT_EQ(reader.find("table.users.sum")->shape, (Shape{n, kDim}));
  EXPECT_EQ(reader.find("table.items.rows")->shape,
            (Shape{reader.find("table.items.keys")->shape[0], 1}));
}

TEST_F(TablesAfterAStep, AreDescribed) {
  const std::string text = describe_checkpoint(save(job, 1));
  EXPECT_NE(
      text.find("table users: " + std::to_string(job.tables.counts(0).rows) + " rows of 3 values"),
      std::string::npos)
      << text;
}

TEST_F(TablesAfterAStep, RefuseATableOfAnotherShape) {
  const CheckpointReader reader(save(job, 1), true);
  EXPECT_NO_THROW(require_table(reader, kTables[0]));
  EXPECT_THROW(require_table(reader, {"users", kDim + 1, {}}), FormatError);
  EXPECT_THROW(require_table(reader, {"others", kDim, {}}), FormatError);
}

}  // namespace
}  // namespace trireme
