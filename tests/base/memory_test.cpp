#include "base/memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <memory>

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

TEST(MemoryTest, WhatDoesNotFitIsNull) { EXPECT_EQ(zeroed_memory(SIZE_MAX, 64), nullptr); }

}  // namespace
}  // namespace trireme
