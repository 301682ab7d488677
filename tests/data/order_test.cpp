#include "data/order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"
#include "data/block_order.h"
#include "data/fixture.h"
#include "data/permutation.h"

namespace trireme {
namespace {

using testing::HasSubstr;

DataConfig synthetic(int64_t samples, int64_t classes = 3) {
  DataConfig c = test::default_config("synthetic");
  c.shape = {2};
  c.classes = classes;
  c.samples = samples;
  return c;
}

bool is_permutation_of(uint64_t n, const std::function<uint64_t(uint64_t)>& at) {
  std::vector<bool> seen(n);
  for (uint64_t i = 0; i < n; ++i) {
    const uint64_t v = at(i);
    if (v >= n || seen[v]) return false;
    seen[v] = true;
  }
  return true;
}

TEST(OrderTest, PermutationIsABijectionWithItsInverseForEverySize) {
  for (uint64_t n = 1; n <= 2000; ++n) {
    const Permutation p(n, mix(n, 7));
    EXPECT_TRUE(is_permutation_of(n, [&](uint64_t i) { return p.at(i); })) << n;
    EXPECT_EQ(p.position_of(p.at(n / 2)), n / 2) << n;
  }
  const Permutation large(300007, 1);
  EXPECT_TRUE(is_permutation_of(300007, [&](uint64_t i) { return large.at(i); }));
  const Permutation huge(uint64_t{1} << 40, 5);
  EXPECT_EQ(huge.position_of(huge.at(123456789012)), 123456789012u);
}

TEST(OrderTest, BlockOrderIsABijectionForAnySizeAndBlock) {
  for (uint64_t n = 1; n <= 200; ++n) {
    for (uint64_t block : {1, 2, 3, 7, 64, 300}) {
      const BlockOrder order(n, block);
      for (uint64_t key = 0; key < 3; ++key) {
        EXPECT_TRUE(is_permutation_of(n, [&](uint64_t i) { return order.at(key, i); }))
            << n << " " << block;
      }
    }
  }
}

TEST(OrderTest, BlockOrderStaysWithinSixteenBlocksAtATime) {
  const uint64_t block = 8, group = BlockOrder::kGroup * block;
  const BlockOrder order(block * 160, block);
  for (uint64_t begin = 0; begin < block * 160; begin += group) {
    std::map<uint64_t, int> blocks;
    for (uint64_t i = 0; i < group; ++i) ++blocks[order.at(3, begin + i) / block];
    EXPECT_EQ(blocks.size(), BlockOrder::kGroup);
  }
}

TEST(OrderTest, EveryPlaceIsAboutEquallyLikely) {
  std::map<uint64_t, int> counts;
  for (uint64_t key = 0; key < 5000; ++key) ++counts[Permutation(5, mix(key, 1)).at(2)];
  for (uint64_t v = 0; v < 5; ++v) EXPECT_NEAR(counts[v], 1000, 150) << v;
}

TEST(OrderTest, FullOrderDependsOnSeedAndEpochAlone) {
  const DataConfig config = synthetic(100);
  const auto source = open_data(config, 1).train;
  const auto a = make_order(config, *source, 1, true), b = make_order(config, *source, 1, true);
  const auto other = make_order(config, *source, 2, true);
  int same_epoch = 0, same_seed = 0;
  for (uint64_t p = 0; p < 100; ++p) {
    EXPECT_EQ(a->at(4, p).id, b->at(4, p).id);
    EXPECT_EQ(a->at(4, p).position, p);
    EXPECT_EQ(a->at(4, p).epoch, 4u);
    same_epoch += a->at(4, p).id == a->at(5, p).id;
    same_seed += a->at(4, p).id == other->at(4, p).id;
  }
  EXPECT_LT(same_epoch, 10);
  EXPECT_LT(same_seed, 10);
}

TEST(OrderTest, ValidationAndUnshuffledTrainingAreSequential) {
  DataConfig config = synthetic(10);
  const auto source = open_data(config, 1).train;
  EXPECT_EQ(make_order(config, *source, 1, false)->at(3, 7).id, 7u);
  config.shuffle = false;
  EXPECT_EQ(make_order(config, *source, 1, true)->at(3, 7).id, 7u);
}

TEST(OrderTest, ClassBalancedDrawsEveryClassEquallyOften) {
  DataConfig config = synthetic(3000, 4);
  config.class_balanced = true;
  const auto source = open_data(config, 1).train;
  const auto order = make_order(config, *source, 1, true);
  std::map<int64_t, int> counts;
  for (uint64_t p = 0; p < 4000; ++p) ++counts[source->label(order->at(0, p).id)];
  for (int64_t c = 0; c < 4; ++c) EXPECT_NEAR(counts[c], 1000, 120) << c;
}

TEST(OrderTest, UnknownOrderAndBalancingWithoutClassesAreErrors) {
  DataConfig config = synthetic(10);
  const auto source = open_data(config, 1).train;
  config.order = "random";
  EXPECT_THAT(test::error_of([&] { make_order(config, *source, 1, true); }),
              HasSubstr("data.order is random"));
  config.order = "block";
  config.block_size = 0;
  EXPECT_THAT(test::error_of([&] { make_order(config, *source, 1, true); }),
              HasSubstr("data.block_size is 0"));
}

}  // namespace
}  // namespace trireme
