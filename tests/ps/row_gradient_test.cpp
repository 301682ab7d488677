#include "ps/row_gradient.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"

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

TEST(RowGradient, JoinsRangesOfKeys) {
  const std::vector<RowGradient> ranges = {gradient_of({{1, 1}, {5, 2}}), gradient_of({}),
                                           gradient_of({{9, 3}})};
  RowGradient all = gradient_of({{77, 7}});
  join(ranges, all);
  EXPECT_EQ(all, gradient_of({{1, 1}, {5, 2}, {9, 3}}));
}

TEST(RowGradient, SurvivesTheWayBetweenRanks) {
  std::vector<std::byte> bytes;
  const NodeGradient a{{2, 1}, gradient_of({{-4, 0.5f}, {7, 2}}, 3)};
  const NodeGradient none{{0, 7}, gradient_of({}, 3)};
  append_bytes(a, bytes);
  append_bytes(none, bytes);
  Bytes rest = bytes;
  const NodeGradient b = take_bytes(rest, 3);
  EXPECT_EQ(b.node, a.node);
  EXPECT_EQ(b.gradient, a.gradient);
  EXPECT_EQ(take_bytes(rest, 3).gradient.size(), 0);
  EXPECT_TRUE(rest.empty());
  rest = bytes;
  const NodeRows c = view_bytes(rest, 3);
  EXPECT_EQ(c.node, a.node);
  EXPECT_TRUE(std::ranges::equal(c.rows.keys, a.gradient.keys));
  EXPECT_TRUE(std::equal(a.gradient.rows.begin(), a.gradient.rows.end(), c.rows.rows));
  EXPECT_EQ(rest.size(), part_bytes(0, 3));
}

TEST(RowGradient, RefusesBytesThatAreCutOrOutOfOrder) {
  std::vector<std::byte> bytes;
  append_bytes(NodeGradient{{0, 0}, gradient_of({{1, 1}, {2, 2}})}, bytes);
  for (const size_t length : {size_t{3}, size_t{24}, bytes.size() - 1}) {
    Bytes cut = Bytes(bytes).first(length);
    EXPECT_THROW(take_bytes(cut, 2), FormatError) << length;
    cut = Bytes(bytes).first(length);
    EXPECT_THROW(view_bytes(cut, 2), FormatError) << length;
  }
  bytes[24] = std::byte{9};  // the first key
  Bytes disordered = bytes;
  EXPECT_THROW(take_bytes(disordered, 2), FormatError);
  disordered = bytes;
  EXPECT_THROW(view_bytes(disordered, 2), FormatError);
}

TEST(RowGradient, SumsSquaresOfEveryElement) {
  EXPECT_EQ(sum_of_squares(gradient_of({{1, 1}, {7, 3}})), 1 + 4 + 9 + 16);
  EXPECT_EQ(sum_of_squares(gradient_of({})), 0);
  const RowGradient wide = gradient_of({{3, 0}}, 19);  // 0, 1, .., 18
  EXPECT_EQ(row_squares(wide.row(0), 19), 18 * 19 * 37 / 6);
}

}  // namespace
}  // namespace trireme::ps
