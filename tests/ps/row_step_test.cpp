// A step of rows in pieces: what is wanted first, and every row once.
#include "ps/row_step.h"

#include <gtest/gtest.h>

#include <map>

namespace trireme::ps {
namespace {

class StepOfRows : public testing::Test {
 protected:
  void begin() {
    step_.begin(sum_, rows_, [this](std::span<const RowId> rows, const RowsView& gradient) {
      for (size_t i = 0; i < rows.size(); ++i)
        for (int64_t e = 0; e < gradient.dim; ++e)
          trained_[rows[i]].push_back(gradient.row(static_cast<int64_t>(i))[e]);
    });
  }

  const RowGradient sum_{2, {-3, 4, 8, 9}, {1, 2, 3, 4, 5, 6, 7, 8}};
  const std::vector<RowId> rows_ = {20, 10, kNoRow, 30};
  std::map<RowId, std::vector<float>> trained_;  // gradients, by row
  RowStep step_;
};

TEST_F(StepOfRows, TakesThoseFirstThatSomebodyWaitsFor) {
  begin();
  step_.step(std::vector<int64_t>{-9, 4, 5, 100});
  EXPECT_EQ(trained_, (std::map<RowId, std::vector<float>>{{10, {3, 4}}}));
  EXPECT_TRUE(step_.open());
}

TEST_F(StepOfRows, TakesEachRowOnceAndLeavesOutWhatHasNone) {
  begin();
  for (const std::vector<int64_t>& keys : {std::vector<int64_t>{4, 8}, {-3, 4}, {}})
    step_.step(keys);
  step_.finish();
  step_.finish();
  EXPECT_EQ(trained_,
            (std::map<RowId, std::vector<float>>{{10, {3, 4}}, {20, {1, 2}}, {30, {7, 8}}}));
  EXPECT_FALSE(step_.open());
}

TEST_F(StepOfRows, ThatIsOverTouchesNothing) {
  step_.step(sum_.keys);
  step_.finish();
  EXPECT_TRUE(trained_.empty());
}

}  // namespace
}  // namespace trireme::ps
