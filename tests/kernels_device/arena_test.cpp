#include "kernels_device/arena.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/support.h"

namespace trireme::test {
namespace {

class ArenaTest : public testing::Test {
 protected:
  ArenaTest() { arena.open({static_cast<std::byte*>(memory.data()), 1 << 16}); }
  Bytes memory{1 << 16};
  Arena arena;
};

TEST_F(ArenaTest, BlocksAreAlignedAndInsideAndServedAgain) {
  for (size_t alignment : {1, 16, 64, 256, 4096}) {
    void* block = arena.take(100, alignment);
    EXPECT_TRUE(arena.contains(block));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % std::max<size_t>(alignment, 64), 0u);
    const size_t used = arena.used();
    EXPECT_TRUE(arena.give_back(block));
    EXPECT_EQ(arena.take(100, alignment), block);
    EXPECT_EQ(arena.used(), used);
  }
  EXPECT_EQ(arena.overruns(), 0u);
}

TEST_F(ArenaTest, WhatDoesNotFitIsNull) {
  EXPECT_EQ(arena.take(1 << 16, 64), nullptr);
  EXPECT_EQ(arena.take(SIZE_MAX, 64), nullptr);
  EXPECT_NE(arena.take(1 << 15, 64), nullptr);
  EXPECT_EQ(arena.take(1 << 15, 64), nullptr);
}

TEST_F(ArenaTest, MemoryOfOthersIsNotTaken) {
  int elsewhere = 0;
  EXPECT_FALSE(arena.give_back(&elsewhere));
  EXPECT_EQ(Arena().take(1, 1), nullptr) << "before it has memory";
}

TEST_F(ArenaTest, AWritePastTheEndIsCounted) {
  auto* block = static_cast<std::byte*>(arena.take(10, 16));
  block[10] = std::byte{0};
  EXPECT_TRUE(arena.give_back(block));
  EXPECT_EQ(arena.overruns(), 1u);
}

// What kernels are given by the tests of this program.
TEST(DeviceVisibleMemoryTest, HoldsVectorsAndTheStack) {
  const std::vector<float> vector(3);
  const Bytes bytes(3);
  const float on_stack = 0;
  EXPECT_TRUE(device_visible_memory().contains(vector.data()));
  EXPECT_TRUE(device_visible_memory().contains(bytes.data()));
  EXPECT_TRUE(device_visible_memory().contains(&on_stack));
}

TEST(DeviceVisibleMemoryTest, AKernelThatIsGivenOtherMemoryIsNotRun) {
  static float elsewhere = 7;
  const auto fill = [] {
    EXPECT_EQ(kernels_of(devices().front()).fill(nullptr, 1, 0, &elsewhere), Status::failed);
  };
  EXPECT_NONFATAL_FAILURE(fill(), "lies where the device cannot see it");
  EXPECT_EQ(elsewhere, 7);
}

}  // namespace
}  // namespace trireme::test
