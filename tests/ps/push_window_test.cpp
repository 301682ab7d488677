#include "ps/push_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace trireme::ps {
namespace {

using Admission = PushWindow::Admission;

TEST(PushWindow, TakesEachNumberOnceWhateverTheOrderAndTheRepeats) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random(seed);
    PushWindow window;
    std::vector<int> taken(5001);
    // Numbers come in shuffled groups that fit the window, each up to three times.
    for (uint64_t first = 1; first <= 5000; first += 500) {
      std::vector<uint64_t> group;
      for (uint64_t s = first; s < first + 500; ++s)
        for (uint64_t n = 0; n <= random() % 3; ++n) group.push_back(s);
      std::ranges::shuffle(group, random);
      for (uint64_t s : group) taken[s] += window.admit(s) == Admission::fresh;
    }
    EXPECT_EQ(window.high_water(), 5000U);
    EXPECT_EQ(std::ranges::count(taken, 1), 5000);
  }
}

TEST(PushWindow, RepeatsOfLongAgoAreKnown) {
  PushWindow window;
  for (uint64_t s = 1; s <= 3 * PushWindow::kWindow; ++s)
    ASSERT_EQ(window.admit(s), Admission::fresh);
  EXPECT_EQ(window.admit(1), Admission::repeated);
  EXPECT_EQ(window.admit(3 * PushWindow::kWindow), Admission::repeated);
}

TEST(PushWindow, RefusesWhatLiesBeyondItsMemory) {
  PushWindow window;
  EXPECT_EQ(window.admit(PushWindow::kWindow + 1), Admission::beyond);
  EXPECT_EQ(window.admit(PushWindow::kWindow), Admission::fresh);
  EXPECT_EQ(window.high_water(), 0U);
  EXPECT_EQ(window.admit(1), Admission::fresh);
  EXPECT_EQ(window.high_water(), 1U);
}

}  // namespace
}  // namespace trireme::ps
