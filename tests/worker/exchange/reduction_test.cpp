// The lane's gradient stack and the range reducer together: any split of the leaves gives the same
// bits.

#include <gtest/gtest.h>

#include "base/rng.h"
#include "comm/range_reducer.h"
#include "tensor/buffer.h"
#include "worker/exchange/gradient_stack.h"

namespace trireme {
namespace {

constexpr int64_t kElements = 5000;

void fill_leaf(int leaf, float* out) {
  for (int64_t i = 0; i < kElements; ++i)
    out[i] =
        to_unit_float(philox(7, static_cast<uint64_t>(i), static_cast<uint64_t>(leaf))[0]) - 0.5f;
}

std::vector<float> reduce(int members, int shards, bool keep_leaves,
                          const std::vector<bool>& leaf_present) {
  const KernelTable& kernels = cpu_kernels();
  std::vector<AlignedBuffer> memory;
  std::vector<Piece> pieces;
  std::vector<const float*> data;
  std::vector<bool> present;
  for (int m = 0; m < members; ++m) {
    const LeafRun run = leaves_of(m, members, shards);
    memory.emplace_back(static_cast<size_t>(GradientStack::buffers(run, keep_leaves)) * kElements *
                        sizeof(float));
    GradientStack stack(kernels, run, keep_leaves, {}, memory.back().floats(), kElements);
    stack.begin();
    for (int leaf = run.first; leaf < run.last; ++leaf) {
      const bool here = leaf_present[static_cast<size_t>(leaf)];
      if (here) fill_leaf(leaf, stack.gradient(leaf));
      stack.done(leaf, here);
    }
    const auto mine = GradientStack::pieces(run, keep_leaves);
    for (size_t p = 0; p < mine.size(); ++p) {
      bool any = false;
      for (int leaf = mine[p].first(); leaf < mine[p].last(); ++leaf)
        any = any || leaf_present[static_cast<size_t>(leaf)];
      pieces.push_back(mine[p]);
      present.push_back(any);
      data.push_back(memory.back().floats() + static_cast<int64_t>(p) * kElements);
    }
  }
  const RangeReducer reducer(tree_steps(pieces, present, shards), static_cast<int>(pieces.size()));
  std::vector<float> temporaries(static_cast<size_t>(reducer.temporary_floats())), out(kElements);
  reducer.reduce(kernels, data, {0, 3000}, out.data(), temporaries.data());
  reducer.reduce(kernels, data, {3000, kElements}, out.data(), temporaries.data());
  return out;
}

TEST(Reduction, GivesTheSameBitsForAnyNumberOfMembers) {
  for (int shards : {1, 5, 8, 64, 100}) {
    const std::vector<bool> all(static_cast<size_t>(shards), true);
    const auto reference = reduce(1, shards, true, all);
    for (int members : {1, 2, 3, 4, 7}) {
      EXPECT_EQ(reduce(members, shards, false, all), reference)
          << shards << " shards, " << members << " members";
      EXPECT_EQ(reduce(members, shards, true, all), reference)
          << shards << " shards, " << members << " members";
    }
  }
}

TEST(Reduction, LeavesAloneWhatIsComputedOnceAPiece) {
  const KernelTable& kernels = cpu_kernels();
  const LeafRun run{0, 4};
  const std::vector<Range> at_once{{0, 10}, {100, 3000}};
  AlignedBuffer memory(static_cast<size_t>(GradientStack::buffers(run, false)) * kElements *
                       sizeof(float));
  GradientStack stack(kernels, run, false, at_once, memory.floats(), kElements);
  stack.begin();
  for (int leaf = 0; leaf < 4; ++leaf) {
    fill_leaf(leaf, stack.gradient(leaf));
    if (leaf == 3)  // the last leaf's program writes it
      for (const Range& range : at_once)
        std::fill(stack.piece_gradient(leaf) + range.begin, stack.piece_gradient(leaf) + range.end,
                  7.0f);
    stack.done(leaf, true);
  }
  const auto sums = reduce(1, 4, false, {true, true, true, true});
  ASSERT_EQ(stack.piece(2), (Piece{2, 0}));
  for (int64_t i = 0; i < kElements; ++i) {
    const bool once = i < 10 || (i >= 100 && i < 3000);
    EXPECT_EQ(stack.piece_gradient(0)[i], once ? 7.0f : sums[static_cast<size_t>(i)]) << i;
  }
}

TEST(Reduction, SkipsAbsentLeavesInStackAndTree) {
  for (int shards : {8, 64}) {
    std::vector<bool> some(static_cast<size_t>(shards));
    for (int leaf = 0; leaf < shards; ++leaf)
      some[static_cast<size_t>(leaf)] = philox(3, static_cast<uint64_t>(leaf), 0)[0] % 3 == 0;
    const auto reference = reduce(1, shards, true, some);
    for (int members : {1, 2, 3, 7}) EXPECT_EQ(reduce(members, shards, false, some), reference);
  }
}

TEST(Reduction, IsTheExactSumWhenNumbersAreSmallIntegers) {
  const KernelTable& kernels = cpu_kernels();
  std::vector<Piece> pieces;
  std::vector<std::vector<float>> values(6, std::vector<float>(100));
  std::vector<const float*> data;
  for (int leaf = 0; leaf < 6; ++leaf) {
    pieces.push_back({0, leaf});
    for (int i = 0; i < 100; ++i)
      values[static_cast<size_t>(leaf)][static_cast<size_t>(i)] =
          static_cast<float>(leaf * 100 + i);
    data.push_back(values[static_cast<size_t>(leaf)].data());
  }
  const RangeReducer reducer(tree_steps(pieces, std::vector<bool>(6, true), 6), 6);
  std::vector<float> temporaries(static_cast<size_t>(reducer.temporary_floats())), out(100);
  reducer.reduce(kernels, data, {0, 100}, out.data(), temporaries.data());
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(out[static_cast<size_t>(i)], static_cast<float>(1500 + 6 * i));
}

TEST(Reduction, UsesTemporariesThatGrowWithTheLogarithmOfTheLeaves) {
  std::vector<Piece> pieces;
  for (int leaf = 0; leaf < 256; ++leaf) pieces.push_back({0, leaf});
  const RangeReducer reducer(tree_steps(pieces, std::vector<bool>(256, true), 256), 256);
  const RangeReducer pair(tree_steps(std::span(pieces).first(3), std::vector<bool>(3, true), 3), 3);
  EXPECT_LE(reducer.temporary_floats(), 9 * pair.temporary_floats());
}

}  // namespace
}  // namespace trireme
