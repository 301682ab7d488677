#include "worker/lane_team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>

#include "base/error.h"

namespace trireme {
namespace {

TEST(LaneTeam, RunsAJobOnceOnEachLane) {
  LaneTeam team(3, false, [] {});
  std::vector<int> runs(3);
  for (int k = 0; k < 4; ++k) team.run([&](int lane) { ++runs[static_cast<size_t>(lane)]; });
  EXPECT_EQ(runs, (std::vector<int>{4, 4, 4}));
}

// Lanes 0 and 1 wait for lane 2 as at a barrier: they end only because its error was told at once.
TEST(LaneTeam, TellsOfAnErrorWhileOtherLanesWait) {
  LaneTeam team(3, false, [] {});
  std::latch failed(1);
  std::string told;
  const auto job = [&](int lane) {
    if (lane == 2) throw DataError("bad sample");
    failed.wait();
    throw CommError("woken");
  };
  const auto on_error = [&](const std::exception& e) {
    if (std::string(e.what()) != "bad sample") return;
    told = e.what();
    failed.count_down();
  };
  EXPECT_THROW(team.run(job, on_error), DataError);
  EXPECT_EQ(told, "bad sample");
}

TEST(LaneTeam, WorksOnAfterAnError) {
  LaneTeam team(2, true, [] {});
  EXPECT_THROW(team.run([](int lane) {
    if (lane == 1) throw std::runtime_error("once");
  }),
               std::runtime_error);
  std::atomic<int> runs{0};
  team.run([&](int lane) { runs += lane == 1; });
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace trireme
