// Rows that were found before, by list and by all lists together.
#include "ps/found_rows.h"

#include <gtest/gtest.h>

namespace trireme::ps {
namespace {

std::vector<RowId> known(const FoundRows& found, const std::vector<int64_t>& keys) {
  std::vector<RowId> rows(keys.size(), kNoRow);
  take_known(found, keys, rows);
  return rows;
}

TEST(FoundRows, AreKnownWhetherAllOrSomeOfThemAreNamed) {
  const FoundRows found{{-4, 1, 5, 9}, {40, 10, kNoRow, 90}};
  EXPECT_EQ(known(found, {-4, 1, 5, 9}), found.rows);
  EXPECT_EQ(known(found, {1, 5}), (std::vector<RowId>{10, kNoRow}));
  EXPECT_EQ(known(found, {-5, 1, 7, 9, 10}), (std::vector<RowId>{kNoRow, 10, kNoRow, 90, kNoRow}));
  std::vector<RowId> rows = {1, 2};
  take_known(found, std::vector<int64_t>{5, 9}, rows);
  EXPECT_EQ(rows, (std::vector<RowId>{1, 90})) << "what is not known stays as it was";
}

TEST(FoundRows, OfSeveralListsBecomeOne) {
  std::vector<FoundRows> all = {
      {{1, 4, 9}, {10, kNoRow, 90}}, {{4, 7}, {40, kNoRow}}, {{-2, 9}, {20, 90}}};
  unite(all);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].keys, (std::vector<int64_t>{-2, 1, 4, 7, 9}));
  EXPECT_EQ(all[0].rows, (std::vector<RowId>{20, 10, 40, kNoRow, 90}));
  std::vector<FoundRows> none;
  unite(none);
  EXPECT_TRUE(none.empty());
}

}  // namespace
}  // namespace trireme::ps
