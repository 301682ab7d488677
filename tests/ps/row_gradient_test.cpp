#include "ps/row_gradient.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "base/rng.h"

namespace trireme::ps {
namespace {

RowGradient gradient_of(std::map<int64_t, float> values, int64_t dim = 2) {
  RowGradient g;
  g.dim = dim;
  for (const auto& [key, value] : values) {
    g.keys.push_back(key);
    for (int64_t e = 0; e < dim; ++e) g.rows.push_back(value + static_cast<float>(e));
  }
  return g;
}

// What leaf `leaf` of a made-up batch contributes: a few of 40 keys.
RowGradient leaf_gradient(int leaf) {
  std::map<int64_t, float> values;
  for (uint64_t i = 0; i < 12; ++i) {
    const Philox4 w = philox(5, static_cast<uint64_t>(leaf), i);
    values[w[0] % 40] = to_unit_float(w[1]) - 0.5f;
  }
  return gradient_of(values, 3);
}

TEST(RowGradient, AddsWhereBothHaveAKeyAndKeepsTheRest) {
  RowGradient sum;
  merge(gradient_of({{1, 1}, {5, 2}, {9, 3}}), gradient_of({{-4, 10}, {5, 20}}), sum);
  EXPECT_EQ(sum.keys, (std::vector<int64_t>{-4, 1, 5, 9}));
  EXPECT_EQ(sum.rows, (std::vector<float>{10, 11, 1, 2, 22, 24, 3, 4}));
}

TEST(RowGradient, MergesWithNothing) {
  RowGradient sum;
  const RowGradient some = gradient_of({{1, 1}});
  merge(some, gradient_of({}), sum);
  EXPECT_EQ(sum, some);
  merge(gradient_of({}), some, sum);
  EXPECT_EQ(sum, some);
}

TEST(RowGradient, SumsToTheSameBitsHoweverTheLeavesAreDealtOut) {
  const auto leaves = [] {
    std::vector<NodeGradient> parts;
    for (int leaf = 0; leaf < 11; ++leaf)
      if (leaf != 4) parts.push_back({{0, leaf}, leaf_gradient(leaf)});
    return parts;
  };
  auto single = leaves();
  const RowGradient expected = sum_of(single, {4, 0}, 3);
  ASSERT_GT(expected.size(), 20);
  // Summed to aligned nodes first, handed over in any order.
  std::vector<NodeGradient> pieces;
  for (const TreeNode node : {TreeNode{2, 2}, TreeNode{3, 0}, TreeNode{0, 9}}) {
    auto parts = leaves();
    pieces.push_back({node, sum_of(parts, node, 3)});
  }
  pieces.erase(pieces.begin() + 2);
  EXPECT_EQ(sum_of(pieces, {4, 0}, 3), expected);
}

TEST(RowGradient, IsEmptyWhereNoLeafIsPresent) {
  std::vector<NodeGradient> parts;
  EXPECT_EQ(sum_of(parts, {3, 0}, 4).size(), 0);
}

TEST(RowGradient, SurvivesTheWayBetweenRanks) {
  std::vector<std::byte> bytes;
  const NodeGradient a{{2, 1}, leaf_gradient(1)}, none{{0, 7}, gradient_of({}, 3)};
  append_bytes(a, bytes);
  append_bytes(none, bytes);
  Bytes rest = bytes;
  const NodeGradient b = take_bytes(rest, 3);
  EXPECT_EQ(b.node, a.node);
  EXPECT_EQ(b.gradient, a.gradient);
  EXPECT_EQ(take_bytes(rest, 3).gradient.size(), 0);
  EXPECT_TRUE(rest.empty());
}

TEST(RowGradient, RefusesBytesThatAreCutOrOutOfOrder) {
  std::vector<std::byte> bytes;
  append_bytes({{0, 0}, gradient_of({{1, 1}, {2, 2}})}, bytes);
  for (const size_t length : {size_t{3}, size_t{24}, bytes.size() - 1}) {
    Bytes cut = Bytes(bytes).first(length);
    EXPECT_THROW(take_bytes(cut, 2), FormatError) << length;
  }
  bytes[24] = std::byte{9};  // the first key
  Bytes disordered = bytes;
  EXPECT_THROW(take_bytes(disordered, 2), FormatError);
}

TEST(RowGradient, SumsSquaresOfEveryElement) {
  EXPECT_EQ(sum_of_squares(gradient_of({{1, 1}, {7, 3}})), 1 + 4 + 9 + 16);
  EXPECT_EQ(sum_of_squares(gradient_of({})), 0);
}

}  // namespace
}  // namespace trireme::ps
