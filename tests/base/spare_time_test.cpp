#include "base/spare_time.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <stdexcept>
#include <thread>

namespace trireme {
namespace {

constexpr double kForEver = 1e9, kNone = 0;  // seconds each

TEST(SpareTimeTest, IsThatOfAThreadWhichRunsOnIdleCoresAlone) {
  SpareTime spare(kForEver);
  int policy = -1;
  std::thread::id first, second;
  spare.run([&] {
    policy = ::sched_getscheduler(0);
    first = std::this_thread::get_id();
  });
  spare.run([&] { second = std::this_thread::get_id(); });
  EXPECT_EQ(policy, SCHED_IDLE);
  EXPECT_EQ(first, second);
  EXPECT_NE(first, std::this_thread::get_id());
  EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);  // the caller's priority is what it was
}

TEST(SpareTimeTest, ThatDoesNotSufficeIsTheCallers) {
  SpareTime spare(kNone);
  std::thread::id first, second;
  spare.run([&] { first = std::this_thread::get_id(); });
  spare.run([&] { second = std::this_thread::get_id(); });
  EXPECT_NE(first, std::this_thread::get_id());
  EXPECT_EQ(second, std::this_thread::get_id());
}

TEST(SpareTimeTest, RethrowsWhatAPieceThrewAndGoesOn) {
  SpareTime spare(kForEver);
  EXPECT_THROW(spare.run([] { throw std::runtime_error("no"); }), std::runtime_error);
  bool done = false;
  spare.run([&] { done = true; });
  EXPECT_TRUE(done);
}

TEST(SpareTimeTest, ThatNobodyUsesNeedsNoThread) { const SpareTime spare(kForEver); }

}  // namespace
}  // namespace trireme
