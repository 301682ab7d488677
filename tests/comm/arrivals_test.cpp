#include "comm/arrivals.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace trireme {
namespace {

TEST(Arrivals, CountOfTheSlowestMember) {
  const auto state = std::make_unique<ArrivalsState>();
  Arrivals arrivals(state.get(), 3);
  EXPECT_EQ(arrivals.slowest(), 0u);
  for (int m : {0, 0, 2}) arrivals.arrive(m);
  EXPECT_EQ(arrivals.slowest(), 0u);
  arrivals.arrive(1);
  EXPECT_EQ(arrivals.slowest(), 1u);
  arrivals.arrive(2);
  EXPECT_EQ(arrivals.slowest(), 1u);
  arrivals.arrive(1);
  EXPECT_EQ(arrivals.slowest(), 2u);
}

TEST(Arrivals, ChangeOnlyWhenTheSlowestMovesOrSomebodyWakes) {
  const auto state = std::make_unique<ArrivalsState>();
  Arrivals arrivals(state.get(), 2);
  const uint32_t before = arrivals.changes();
  arrivals.arrive(0);
  EXPECT_EQ(arrivals.changes(), before);
  arrivals.arrive(1);
  EXPECT_NE(arrivals.changes(), before);
  const uint32_t woken = arrivals.changes();
  arrivals.wake();
  EXPECT_NE(arrivals.changes(), woken);
}

// What a member wrote before it arrived is there when the waiting thread has counted it.
TEST(Arrivals, ShowWhatWasWrittenBefore) {
  constexpr int kMembers = 3, kRounds = 2000;
  const auto state = std::make_unique<ArrivalsState>();
  std::vector<std::vector<int>> written(kMembers, std::vector<int>(kRounds));
  std::vector<std::jthread> threads;
  for (int m = 0; m < kMembers; ++m)
    threads.emplace_back([&, m] {
      Arrivals arrivals(state.get(), kMembers);
      for (int round = 0; round < kRounds; ++round) {
        written[static_cast<size_t>(m)][static_cast<size_t>(round)] = round + m;
        arrivals.arrive(m);
      }
    });
  Arrivals arrivals(state.get(), kMembers);
  const Deadline deadline = deadline_in(60);
  uint64_t seen = 0;
  while (seen < kRounds && Clock::now() < deadline) {
    const uint32_t changes = arrivals.changes();
    const uint64_t slowest = arrivals.slowest();
    if (slowest == seen) arrivals.sleep(changes);
    for (; seen < slowest; ++seen)
      for (int m = 0; m < kMembers; ++m)
        ASSERT_EQ(written[static_cast<size_t>(m)][seen], static_cast<int>(seen) + m);
  }
  EXPECT_EQ(seen, static_cast<uint64_t>(kRounds));
}

}  // namespace
}  // namespace trireme
