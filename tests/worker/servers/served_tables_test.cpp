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

class ServedTablesInCheckpoints : public testing::Test {
 protected:
  Path folder_ =
      std::filesystem::temp_directory_path() / ("trireme-served-" + std::to_string(::getpid()));
  ~ServedTablesInCheckpoints() override { std::filesystem::remove_all(folder_); }

  // Steps [first, last) on `workers` ranks and `servers` more; saves into folder_ / name.
  Outcome part(const std::string& name, int64_t first, size_t last, const std::string& from,
               int workers, int servers) {
    MadeUpTraining training = with_tables();
    training.batches.resize(last);
    training.first_step = first;
    if (!from.empty()) training.resume = list_checkpoints(folder_ / from).back();
    training.save_to = folder_ / name;
    return served(training, workers, servers);
  }
};

TEST_F(ServedTablesInCheckpoints, MoveToServersAndBackToTheBitsOfAnUninterruptedRun) {
  const Outcome expected = with_tables().run(1);
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
}

}  // namespace
}  // namespace trireme::test
