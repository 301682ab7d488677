#include "base/memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

namespace trireme {
namespace {

TEST(MemoryTest, IsZeroedAndAlignedAtEverySize) {
  constexpr size_t kHuge = size_t{2} << 20;
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{4096}, kHuge - 1, kHuge, 3 * kHuge + 5}) {
    for (const size_t alignment : {size_t{64}, size_t{4096}}) {
      const std::unique_ptr<void, decltype(&std::free)> memory(zeroed_memory(bytes, alignment),
                                                               std::free);
      ASSERT_NE(memory, nullptr) << bytes;
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.get()) % alignment, 0u) << bytes;
      const auto* const at = static_cast<const unsigned char*>(memory.get());
      for (size_t i = 0; i < bytes; ++i) ASSERT_EQ(at[i], 0) << bytes << " at " << i;
    }
  }
}

TEST(MemoryTest, IsReservedAlignedToAHugePageAndZeroed) {
  constexpr size_t kHuge = size_t{2} << 20;
  for (const size_t bytes : {size_t{1}, size_t{4096}, kHuge + 1, 3 * kHuge}) {
    ReservedMemory memory(bytes, kHuge);
    ASSERT_NE(memory.data(), nullptr) << bytes;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.data()) % kHuge, 0u) << bytes;
    for (size_t i = 0; i < bytes; i += 777) ASSERT_EQ(memory.data()[i], std::byte{0}) << i;
    std::memset(memory.data(), 7, bytes);
    std::byte* const at = memory.data();
    const ReservedMemory moved(std::move(memory));
    EXPECT_EQ(moved.data(), at);
    EXPECT_EQ(memory.data(), nullptr);  // NOLINT(bugprone-use-after-move): it says so
    EXPECT_EQ(moved.data()[bytes - 1], std::byte{7});
  }
  EXPECT_EQ(ReservedMemory(0, 0).data(), nullptr);
  EXPECT_EQ(ReservedMemory(SIZE_MAX, 0).data(), nullptr);
}

TEST(MemoryTest, OfWhatIsReservedPagesAreCountedThatWereTouched) {
  constexpr size_t kHuge = size_t{2} << 20;
  EXPECT_EQ(ReservedMemory::resident(0, kHuge), 0u);
  EXPECT_EQ(ReservedMemory::resident(4097, kHuge), 8192u);
  EXPECT_EQ(ReservedMemory::resident(kHuge, kHuge), kHuge);
  EXPECT_EQ(ReservedMemory::resident(kHuge + 1, kHuge), 2 * kHuge);
}

TEST(MemoryTest, WhatDoesNotFitIsNull) { EXPECT_EQ(zeroed_memory(SIZE_MAX, 64), nullptr); }

}  // namespace
}  // namespace trireme
