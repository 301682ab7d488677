#include "comm/tree.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace trireme {
namespace {

// What the tree adds, written out: "((0+1)+(2+3))".
std::string expression(const std::vector<Piece>& pieces, const TreeSteps& steps) {
  std::vector<std::string> text;
  for (const Piece& p : pieces) {
    const auto leaf = [&](auto&& self, int level, int index) -> std::string {
      if (level == 0) return std::to_string(index);
      return fmt::format("({}+{})", self(self, level - 1, 2 * index),
                         self(self, level - 1, 2 * index + 1));
    };
    text.push_back(leaf(leaf, p.level, p.index));
  }
  for (const TreeSteps::Add& a : steps.adds)
    text.push_back(fmt::format("({}+{})", text[static_cast<size_t>(a.left)],
                               text[static_cast<size_t>(a.right)]));
  return steps.result < 0 ? "" : text[static_cast<size_t>(steps.result)];
}

std::vector<Piece> pieces_of_members(int members, int shards, int max_level) {
  std::vector<Piece> pieces;
  for (int m = 0; m < members; ++m)
    for (const Piece& p : pieces_of(leaves_of(m, members, shards), max_level)) pieces.push_back(p);
  return pieces;
}

TEST(Tree, AddsFourLeavesPairwise) {
  const std::vector<Piece> leaves = {{0, 0}, {0, 1}, {0, 2}, {0, 3}};
  EXPECT_EQ(expression(leaves, tree_steps(leaves, std::vector<bool>(4, true), 4)), "((0+1)+(2+3))");
}

TEST(Tree, SkipsAbsentLeavesWithoutMovingTheOthers) {
  const std::vector<Piece> leaves = {{0, 0}, {0, 1}, {0, 2}, {0, 3}};
  EXPECT_EQ(expression(leaves, tree_steps(leaves, {true, false, true, true}, 4)), "(0+(2+3))");
  EXPECT_EQ(expression(leaves, tree_steps(leaves, {false, false, false, false}, 4)), "");
}

TEST(Tree, AddsTheSameExpressionHoweverLeavesAreSpreadOverMembers) {
  for (int shards : {1, 2, 3, 5, 8, 12, 16, 31}) {
    const auto whole = pieces_of_members(1, shards, 0);
    const std::string reference =
        expression(whole, tree_steps(whole, std::vector<bool>(whole.size(), true), shards));
    for (int members : {1, 2, 3, 4, 7, 40})
      for (int max_level : {0, 1, 2, 6}) {
        const auto pieces = pieces_of_members(members, shards, max_level);
        EXPECT_EQ(
            expression(pieces, tree_steps(pieces, std::vector<bool>(pieces.size(), true), shards)),
            reference)
            << shards << " shards, " << members << " members, pieces up to level " << max_level;
      }
  }
}

TEST(Tree, GivesEveryLeafToOneMember) {
  for (int shards : {1, 3, 8})
    for (int members : {1, 2, 3, 16}) {
      int next = 0;
      for (int m = 0; m < members; ++m) {
        EXPECT_EQ(leaves_of(m, members, shards).first, next);
        next = leaves_of(m, members, shards).last;
      }
      EXPECT_EQ(next, shards);
    }
}

TEST(Tree, CutsABatchIntoSpansThatDifferByAtMostOneSample) {
  for (int64_t n : {0, 1, 7, 8, 61}) {
    int64_t next = 100;
    for (int leaf = 0; leaf < 8; ++leaf) {
      const SampleSpan span = leaf_span(100, n, leaf, 8);
      EXPECT_EQ(span.begin, next);
      EXPECT_TRUE(span.size() == n / 8 || span.size() == n / 8 + 1);
      next = span.end;
    }
    EXPECT_EQ(next, 100 + n);
  }
}

}  // namespace
}  // namespace trireme
