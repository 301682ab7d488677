#include "comm/process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace trireme {
namespace {

Member rank_with_pid(int64_t pid) { return {1, "a", pid, 0, 1}; }

TEST(ProcessStart, IsTheSameAtEveryLookAndAbsentForNoProcess) {
  const auto start = process_start(::getpid());
  ASSERT_TRUE(start);
  EXPECT_EQ(process_start(::getpid()), start);
  EXPECT_FALSE(process_start(0));
  EXPECT_FALSE(process_start(int64_t{1} << 40));
}

TEST(ProcessWatch, SeesAChildDieEvenWhileItIsAZombie) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const Member member = rank_with_pid(child);
  ProcessWatch watch({&member, 1});
  EXPECT_EQ(watch.dead(), nullptr);
  ::kill(child, SIGKILL);
  const Member* dead = nullptr;
  for (int i = 0; i < 1000 && !dead; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    dead = watch.dead();
  }
  ASSERT_NE(dead, nullptr);
  EXPECT_EQ(dead->pid, child);
  ::waitpid(child, nullptr, 0);
}

TEST(ProcessWatch, LeavesAloneWhatItNeverSaw) {
  const Member member = rank_with_pid(int64_t{1} << 40);
  ProcessWatch watch({&member, 1});
  EXPECT_EQ(watch.dead(), nullptr);
}

}  // namespace
}  // namespace trireme
