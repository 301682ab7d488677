// Rows on servers: the bits of tables that every worker holds, and of one rank.
#include "worker/servers/served_tables.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "checkpoint/checkpoint.h"
#include "worker/made_up_training.h"

namespace trireme::test {
namespace {

MadeUpTraining with_tables() {
  MadeUpTraining training;
  training.bucket = kChunk;
  training.tables = {{"users", 5, {Init::uniform, -0.5, 0.5}}, {"items", 1, {}}};
  return training;
}

Outcome served(MadeUpTraining training, int workers, int servers) {
  training.servers = servers;
  return training.run(workers + servers);
}

TEST(ServedTables, GiveTheBitsOfOneRankForAnyWorkersAndServers) {
  MadeUpTraining training = with_tables();
  const Outcome reference = training.run(1);
  EXPECT_EQ(training.run(3), reference) << "replicated";
  for (int workers : {1, 2, 3})
    for (int servers : {1, 2, 3}) {
      training.tables_served = true;
      EXPECT_EQ(served(training, workers, servers), reference) << workers << " + " << servers;
      training.tables_served = false;
      EXPECT_EQ(served(training, workers, servers), reference)
          << workers << " + " << servers << ", rows on every worker";
    }
}

TEST(ServedTables, TakePartInTheNormThatClips) {
  const Outcome with = with_tables().run(1), without = MadeUpTraining{}.run(1);
  EXPECT_NE(with.norms, without.norms);
  EXPECT_NE(with.weights, without.weights);
}

TEST(ServedTables, AreClippedByRowAndByTableToTheSameBits) {
  const Outcome plain = with_tables().run(1);
  std::vector<Outcome> references;
  for (const ps::RowClip clip : {ps::RowClip{0.005, 0}, {0, 0.02}, {0.002, 0.02}}) {
    MadeUpTraining training = with_tables();
    training.clip = clip;
    const Outcome reference = training.run(1);
    EXPECT_NE(reference.rows, plain.rows);
    EXPECT_EQ(reference.norms.front(), plain.norms.front()) << "norms are told before clipping";
    for (const Outcome& other : references) EXPECT_NE(reference.rows, other.rows);
    references.push_back(reference);
    EXPECT_EQ(training.run(3), reference) << "replicated";
    training.faults = {0.3, 0.002, 3};
    for (const bool on_servers : {true, false}) {
      training.tables_served = on_servers;
      EXPECT_EQ(served(training, 2, 1), reference);
      EXPECT_EQ(served(training, 3, 2), reference);
    }
  }
}

TEST(ServedTables, AreClippedByRowAtTheirOwnPace) {
  MadeUpTraining training = with_tables();
  training.consistency = {ps::Mode::async, 0};
  const Outcome plain = served(training, 1, 2);
  training.clip.row = 0.005;
  EXPECT_NE(served(training, 1, 2).rows, plain.rows);
}

TEST(ServedTables, GiveThemWithSeveralLanesAndLateAndRepeatedMessages) {
  MadeUpTraining training = with_tables();
  const Outcome reference = training.run(1);
  training.lanes = 3;
  EXPECT_EQ(served(training, 2, 2), reference);
  training.lanes = 1;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    training.faults = {0.3, 0.004, seed};
    EXPECT_EQ(served(training, 3, 2), reference) << "seed " << seed;
  }
}

// More servers than blocks of dense parameters: some have rows and nothing else.
TEST(ServedTables, LiveOnServersWithoutBlocks) {
  const MadeUpTraining training = with_tables();
  EXPECT_EQ(served(training, 2, 11), training.run(1));
}

TEST(ServedTables, AreNotTouchedByAStepThatIsNotFinite) {
  MadeUpTraining training = with_tables();
  training.bad_loss_step = 2;
  EXPECT_EQ(served(training, 2, 2), training.run(1));
}

// run() compares what the workers see.
TEST(ServedTables, LookTheSameToAllWorkersWhereTheyMeet) {
  for (const ps::Mode mode : {ps::Mode::bounded, ps::Mode::async}) {
    MadeUpTraining training = with_tables();
    training.consistency = {mode, 1};
    training.poison_step = 1;
    training.faults = {0.2, 0.003, 9};
    for (int workers : {1, 2, 3}) {
      const Outcome outcome = served(training, workers, 2);
      for (float value : outcome.rows) ASSERT_TRUE(std::isfinite(value));
      EXPECT_NE(outcome.rows, with_tables().run(1).rows);
    }
  }
}

// Rows that come and go, 20 steps: 50 keys, most of them in shards that have no room for all.
MadeUpTraining with_life(int64_t admit_after, ps::RowOrder::By evict) {
  MadeUpTraining training = with_tables();
  training.batches.assign(20, 64);
  training.batches[4] = 3;
  training.life = {admit_after, 3, admit_after > 1 ? 250'000 : 180'000, evict};
  return training;
}
const ps::RowOrder::By kOrders[] = {ps::RowOrder::By::last_step, ps::RowOrder::By::updates};

TEST(RowsWithALife, AreTheSameOnOneRankOnAllAndOnServers) {
  for (const int64_t admit_after : {1, 2})
    for (const auto evict : kOrders) {
      MadeUpTraining training = with_life(admit_after, evict);
      training.bad_loss_step = 7;
      const Outcome reference = training.run(1);
      const ps::LifeCounts& counts = reference.counts.front();
      EXPECT_GT(counts.expired, 0);
      EXPECT_GT(counts.evicted, 0);
      EXPECT_GT(counts.rows, 0);
      EXPECT_EQ(counts.admitted, counts.rows + counts.expired + counts.evicted);
      EXPECT_EQ(training.run(3), reference) << "replicated";
      training.lanes = 2;
      EXPECT_EQ(training.run(2), reference) << "two lanes each";
      training.lanes = 1;
      for (const int servers : {1, 2, 3}) EXPECT_EQ(served(training, 2, servers), reference);
      training.faults = {0.3, 0.002, 3};
      EXPECT_EQ(served(training, 3, 2), reference) << "late and repeated messages";
    }
}

TEST(RowsWithALife, DifferFromThoseThatStay) {
  MadeUpTraining training = with_life(1, ps::RowOrder::By::last_step);
  const Outcome reference = training.run(1);
  for (auto change : {0, 1, 2}) {
    MadeUpTraining other = training;
    (change == 0   ? other.life.admit_after
     : change == 1 ? other.life.expire_after
                   : other.life.budget) = change == 0 ? 2 : 0;
    if (change == 0) other.life.budget = 250'000;
    EXPECT_NE(other.run(1).rows, reference.rows) << change;
  }
}

TEST(RowsWithALife, LookTheSameToAllWorkersWhereTheyMeet) {
  MadeUpTraining training = with_life(2, ps::RowOrder::By::updates);
  training.consistency = {ps::Mode::async, 0};
  training.faults = {0.2, 0.003, 9};
  const Outcome outcome = served(training, 3, 2);
  EXPECT_GT(outcome.counts.front().admitted, 0);
  for (float value : outcome.rows) ASSERT_TRUE(std::isfinite(value));
}

class ServedTablesInCheckpoints : public testing::Test {
 protected:
  Path folder_ =
      std::filesystem::temp_directory_path() / ("trireme-served-" + std::to_string(::getpid()));
  ~ServedTablesInCheckpoints() override { std::filesystem::remove_all(folder_); }

  MadeUpTraining training_ = with_tables();
  // Steps [first, last) on `workers` ranks and `servers` more; saves into folder_ / name.
  Outcome part(const std::string& name, int64_t first, size_t last, const std::string& from,
               int workers, int servers) {
    MadeUpTraining training = training_;
    training.batches.resize(last);
    training.first_step = first;
    if (!from.empty()) training.resume = list_checkpoints(folder_ / from).back();
    training.save_to = folder_ / name;
    return served(training, workers, servers);
  }
};

TEST_F(ServedTablesInCheckpoints, MoveToServersAndBackToTheBitsOfAnUninterruptedRun) {
  const Outcome expected = with_tables().run(1);
  for (const bool servers_write : {false, true}) {
    training_.servers_write = servers_write;
    if (servers_write) training_.faults = {0.3, 0.002, 5};
    part("whole", 0, 5, "", 1, 0);
    part("replicated", 0, 2, "", 2, 0);
    part("served", 2, 4, "replicated", 3, 2);
    part("other-servers", 4, 5, "served", 1, 3);
    const Outcome back = part("back", 4, 5, "served", 2, 0);
    EXPECT_EQ(back.weights, expected.weights);
    EXPECT_EQ(back.rows, expected.rows);
    for (const char* name : {"back", "other-servers"})
      EXPECT_TRUE(diff_checkpoints(list_checkpoints(folder_ / "whole").back(),
                                   list_checkpoints(folder_ / name).back())
                      .empty())
          << name;
    const CheckpointReader served(list_checkpoints(folder_ / "served").back(), true);
    EXPECT_EQ(served.parts("table.users.rows"), servers_write ? 2 : 1);
    std::filesystem::remove_all(folder_);
  }
}

// One worker at its own pace pushes in a fixed order.
TEST_F(ServedTablesInCheckpoints, AreThoseThatPassThroughWorker0AlsoAtItsOwnPace) {
  training_ = with_life(2, ps::RowOrder::By::last_step);
  training_.consistency = {ps::Mode::async, 0};
  part("through", 0, 9, "", 1, 2);
  training_.servers_write = true;
  part("written", 0, 9, "", 1, 2);
  for (const TensorDifference& d : diff_checkpoints(list_checkpoints(folder_ / "through").back(),
                                                    list_checkpoints(folder_ / "written").back()))
    ADD_FAILURE() << d.name << " " << d.kind;
}

TEST_F(ServedTablesInCheckpoints, KeepTheLivesOfRows) {
  for (const auto evict : kOrders) {
    training_ = with_life(2, evict);
    training_.servers_write = evict == ps::RowOrder::By::updates;
    part("whole", 0, 20, "", 1, 0);
    part("replicated", 0, 7, "", 2, 0);
    part("served", 7, 13, "replicated", 3, 2);
    part("other-servers", 13, 20, "served", 1, 3);
    part("back", 13, 20, "served", 2, 0);
    for (const char* name : {"back", "other-servers"})
      for (const TensorDifference& d : diff_checkpoints(list_checkpoints(folder_ / "whole").back(),
                                                        list_checkpoints(folder_ / name).back()))
        ADD_FAILURE() << name << ": " << d.name << " " << d.kind;
    std::filesystem::remove_all(folder_);
  }
}

TEST_F(ServedTablesInCheckpoints, GoOnWithASmallerBudgetAllTheSame) {
  training_ = with_life(1, ps::RowOrder::By::updates);
  training_.life.budget = 400'000;
  part("large", 0, 7, "", 1, 0);
  training_.life.budget = 110'000;
  const Outcome one = part("one", 7, 14, "large", 1, 0),
                three = part("three", 7, 14, "large", 3, 2);
  EXPECT_EQ(one.rows, three.rows);
  EXPECT_TRUE(diff_checkpoints(list_checkpoints(folder_ / "one").back(),
                               list_checkpoints(folder_ / "three").back())
                  .empty());
}

}  // namespace
}  // namespace trireme::test
