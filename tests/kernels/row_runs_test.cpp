#include "kernels/row_runs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/rng.h"

namespace trireme {
namespace {

using Words = std::vector<int32_t>;

struct Built {
  Built(const Words& index, int64_t numbers, int64_t room)
      : layout(room), words(static_cast<size_t>(layout.words()), -7) {
    RowRunBuilder().build(index, numbers, layout, words.data());
    runs = layout.at(words.data(), nullptr);
  }
  Words positions(int run) const {
    return {runs.positions + runs.first[run], runs.positions + runs.first[run + 1]};
  }
  RowRunLayout layout;
  Words words;
  RowRuns runs;
};

TEST(RowRuns, GroupPositionsByRowInTheirOrder) {
  const Built built({2, -1, 0, 2, 2, -1, 0}, 4, 9);
  EXPECT_EQ(built.runs.counts[0], 2);
  EXPECT_EQ(built.runs.counts[1], 0);
  EXPECT_EQ(built.runs.target[0], 0);
  EXPECT_EQ(built.positions(0), (Words{2, 6}));
  EXPECT_EQ(built.runs.target[1], 2);
  EXPECT_EQ(built.positions(1), (Words{0, 3, 4}));
}

TEST(RowRuns, AreNoneWhereNothingIsLookedUp) {
  for (const Words& index : {Words{}, Words{-1, -1}}) {
    const Built built(index, 0, 2);
    EXPECT_EQ(built.runs.counts[0], 0);
    EXPECT_EQ(built.runs.counts[1], 0);
  }
}

// As many positions as there is room for, in the worst mixtures of long rows.
TEST(RowRuns, CutLongRowsAndStayWithinTheirRoom) {
  const std::vector<Words> mixtures = {
      {128}, {129}, {1000}, {129, 129}, {129, 129, 129, 1}, {300, 1, 128, 257, 2}};
  for (const Words& counts : mixtures) {
    Words index;
    for (size_t number = 0; number < counts.size(); ++number)
      index.insert(index.end(), static_cast<size_t>(counts[number]), static_cast<int32_t>(number));
    for (size_t i = index.size() - 1; i > 0; --i)
      std::swap(index[i], index[philox(1, i, 0)[0] % (i + 1)]);
    const auto size = static_cast<int64_t>(index.size());
    const Built built(index, static_cast<int64_t>(counts.size()), size);
    const RowRuns& runs = built.runs;
    std::vector<Words> of_row(counts.size());
    int32_t place = 0;
    size_t longs = 0;
    for (int run = 0; run < runs.counts[0]; ++run) {
      const Words positions = built.positions(run);
      EXPECT_LE(positions.size(), static_cast<size_t>(kRowRun));
      const auto number = static_cast<size_t>(index[static_cast<size_t>(positions.front())]);
      if (counts[number] > kRowRun) {
        EXPECT_EQ(runs.target[run], ~place);
        if (of_row[number].empty()) {
          EXPECT_EQ(runs.long_number[longs], static_cast<int32_t>(number));
          EXPECT_EQ(runs.long_first[longs++], place);
        }
        ++place;
      } else {
        EXPECT_EQ(runs.target[run], static_cast<int32_t>(number));
      }
      of_row[number].insert(of_row[number].end(), positions.begin(), positions.end());
    }
    EXPECT_EQ(runs.counts[1], static_cast<int32_t>(longs));
    EXPECT_EQ(runs.long_first[longs], place);
    EXPECT_LE(place, built.layout.partials());
    for (size_t number = 0; number < counts.size(); ++number) {
      EXPECT_EQ(of_row[number].size(), static_cast<size_t>(counts[number]));
      EXPECT_TRUE(std::is_sorted(of_row[number].begin(), of_row[number].end()));
      for (const int32_t position : of_row[number])
        EXPECT_EQ(index[static_cast<size_t>(position)], static_cast<int32_t>(number));
    }
  }
}

}  // namespace
}  // namespace trireme
