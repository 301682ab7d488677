// Sums of row gradients along the reduction tree, range by range of keys.
#include "ps/row_sums.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>

#include "base/rng.h"

namespace trireme::ps {
namespace {

constexpr int64_t kDim = 3;
constexpr int kLeaves = 11, kAbsent = 4;

// What leaf `leaf` of a made-up batch contributes: a few of 40 keys.
RowGradient leaf_gradient(int leaf) {
  std::map<int64_t, float> values;
  for (uint64_t i = 0; i < 12; ++i) {
    const Philox4 w = philox(5, static_cast<uint64_t>(leaf), i);
    values[int64_t{w[0] % 40} - 20] = to_unit_float(w[1]) - 0.5f;
  }
  RowGradient g{kDim, {}, {}};
  for (const auto& [key, value] : values) {
    g.keys.push_back(key);
    for (int64_t e = 0; e < kDim; ++e) g.rows.push_back(value + 0.1f * static_cast<float>(e));
  }
  return g;
}

std::vector<NodeGradient> leaves() {
  std::vector<NodeGradient> parts;
  for (int leaf = 0; leaf < kLeaves; ++leaf)
    if (leaf != kAbsent) parts.push_back({{0, leaf}, leaf_gradient(leaf)});
  return parts;
}

std::vector<NodeRows> views(const std::vector<NodeGradient>& parts) {
  return {parts.begin(), parts.end()};
}

RowGradient summed(const std::vector<NodeGradient>& parts, const KeyRange& range = {}) {
  RowGradient sum;
  RowSums().sum(views(parts), range, kDim, sum);
  return sum;
}

// left + right at every node that has both, by the definition.
std::optional<float> by_the_tree(int64_t key, int64_t e, TreeNode node) {
  if (node.level == 0) {
    if (node.index >= kLeaves || node.index == kAbsent) return std::nullopt;
    const RowGradient g = leaf_gradient(node.index);
    const auto at = std::ranges::find(g.keys, key);
    if (at == g.keys.end()) return std::nullopt;
    return g.row(at - g.keys.begin())[e];
  }
  const auto left = by_the_tree(key, e, {node.level - 1, 2 * node.index});
  const auto right = by_the_tree(key, e, {node.level - 1, 2 * node.index + 1});
  if (left && right) return *left + *right;
  return left ? left : right;
}

TEST(RowSums, AddLeftAndRightAtEveryNodeOfTheTree) {
  const RowGradient sum = summed(leaves());
  ASSERT_GT(sum.size(), 20);
  for (int64_t key = -20, at = 0; key < 20; ++key) {
    const bool present = by_the_tree(key, 0, {4, 0}).has_value();
    ASSERT_EQ(present, at < sum.size() && sum.keys[static_cast<size_t>(at)] == key) << key;
    if (!present) continue;
    for (int64_t e = 0; e < kDim; ++e)
      EXPECT_EQ(sum.row(at)[e], by_the_tree(key, e, {4, 0})) << key;
    ++at;
  }
}

// As a rank knows the places that looked all keys up.
TEST(RowSums, AreTheSameWhereTheOrderOfAllKeysIsKnown) {
  const std::vector<NodeGradient> parts = leaves();
  const std::vector<int64_t> all = summed(parts).keys;
  std::vector<std::vector<int32_t>> places(parts.size());
  std::vector<NodeRows> placed;
  for (size_t p = 0; p < parts.size(); ++p) {
    for (const int64_t key : parts[p].gradient.keys)
      places[p].push_back(static_cast<int32_t>(std::ranges::lower_bound(all, key) - all.begin()));
    placed.emplace_back(parts[p].node, parts[p].gradient, places[p].data());
  }
  RowSums sums;
  for (const KeyRange& range : {KeyRange{}, key_range(all, 0, 3), key_range(all, 1, 3),
                                key_range(all, 2, 3), KeyRange{1000, 2000, false}}) {
    RowGradient sum;
    sums.sum(placed, range, kDim, sum);
    EXPECT_EQ(sum, summed(parts, range)) << range.first;
  }
}

TEST(RowSums, AreTheSameHoweverTheLeavesAreDealtOut) {
  const RowGradient expected = summed(leaves());
  // Summed to aligned nodes first, one of them in two ranges of keys.
  std::vector<NodeGradient> pieces;
  for (const TreeNode node : {TreeNode{3, 0}, TreeNode{2, 2}}) {
    std::vector<NodeGradient> below;
    for (NodeGradient& leaf : leaves())
      if (covers(node, leaf.node)) below.push_back(std::move(leaf));
    const int ranges = node.level == 3 ? 2 : 1;
    for (int r = 0; r < ranges; ++r)
      pieces.push_back({node, summed(below, key_range(longest_keys(views(below)), r, ranges))});
  }
  EXPECT_EQ(summed(pieces), expected);
}

TEST(RowSums, AreTheSameForAnyRangesOfKeys) {
  const auto parts = leaves();
  const RowGradient expected = summed(parts);
  for (const int ranges : {1, 2, 3, 7, 100}) {
    std::vector<RowGradient> sums(static_cast<size_t>(ranges));
    for (int r = 0; r < ranges; ++r)
      sums[static_cast<size_t>(r)] =
          summed(parts, key_range(longest_keys(views(parts)), r, ranges));
    RowGradient all;
    join(sums, all);
    EXPECT_EQ(all, expected) << ranges;
  }
}

TEST(RowSums, HaveEveryKeyThereIs) {
  constexpr auto kLeast = INT64_MIN, kMost = INT64_MAX;
  const std::vector<NodeGradient> parts = {{{0, 0}, {1, {kLeast, kMost}, {1, 2}}},
                                           {{0, 1}, {1, {kMost}, {3}}}};
  for (const int ranges : {1, 2, 5}) {
    RowGradient all{1, {}, {}};
    std::vector<RowGradient> sums(static_cast<size_t>(ranges));
    for (int r = 0; r < ranges; ++r)
      RowSums().sum(views(parts), key_range(longest_keys(views(parts)), r, ranges), 1,
                    sums[static_cast<size_t>(r)]);
    join(sums, all);
    EXPECT_EQ(all, (RowGradient{1, {kLeast, kMost}, {1, 5}})) << ranges;
  }
}

TEST(RowSums, AreEmptyWhereNoLeafIsPresent) {
  EXPECT_EQ(summed({}), (RowGradient{kDim, {}, {}}));
  EXPECT_EQ(summed({}, key_range({}, 0, 2)).size(), 0);
  EXPECT_EQ(summed({}, key_range({}, 1, 2)).size(), 0);
}

}  // namespace
}  // namespace trireme::ps
