#include "ps/placement.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace trireme::ps {
namespace {

TEST(Placement, BlocksCoverTheIndexSpaceOnceAndInOrder) {
  for (const int64_t elements : {64L, 4096L, 4160L, 100'000L, 1'000'000L})
    for (const int servers : {1, 2, 3, 7}) {
      const Placement p(elements, servers, 65536);
      int64_t at = 0;
      for (const Block& b : p.blocks()) {
        EXPECT_EQ(b.range.begin, at);
        EXPECT_EQ(b.range.begin % kChunk, 0);
        EXPECT_GT(b.range.size(), 0);
        EXPECT_LE(b.range.size(), 65536);
        at = b.range.end;
      }
      EXPECT_EQ(at, elements);
    }
}

TEST(Placement, LoadsDifferByNoMoreThanOneBlock) {
  for (const int servers : {2, 3, 5}) {
    const Placement p(1'234'560, servers, 65536);
    std::vector<int64_t> load;
    int64_t sum = 0;
    for (int s = 0; s < servers; ++s) {
      load.push_back(p.elements_of(s));
      sum += load.back();
    }
    EXPECT_EQ(sum, 1'234'560);
    EXPECT_LE(*std::ranges::max_element(load) - *std::ranges::min_element(load), 65536);
  }
}

TEST(Placement, SmallModelsAreCutSoThatEveryServerHasSome) {
  const Placement p(20'000, 2, 1 << 20);
  EXPECT_FALSE(p.blocks_of(0).empty());
  EXPECT_FALSE(p.blocks_of(1).empty());
}

TEST(Placement, ServersWithoutAChunkOfTheirOwnHoldNothing) {
  const Placement p(100, 3, 1 << 20);
  EXPECT_EQ(p.blocks().size(), 1U);
  EXPECT_EQ(p.blocks_of(0).size(), 1U);
  EXPECT_TRUE(p.blocks_of(2).empty());
}

TEST(Placement, SaysWhoHasWhat) {
  EXPECT_EQ(Placement(8192, 2, 4096).in_words(),
            "2 blocks of up to 16.0 KiB: server 0 has 1 (16.0 KiB), server 1 has 1 (16.0 KiB)");
}

}  // namespace
}  // namespace trireme::ps
