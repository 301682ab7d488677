#include "comm/sentence.h"

#include <gtest/gtest.h>

namespace trireme {
namespace {

const Member kHere{.rank = 0, .host = "a", .pid = 7};

Member far(int rank) { return {.rank = rank, .host = "b", .pid = 100 + rank}; }

TEST(Sentence, SaysWhoWaitedHowLongForWhatAndWhen) {
  const Wait wait{.seconds = 300, .what = "parameter hashes", .step = 17};
  EXPECT_EQ(waited(kHere, wait, 300.01),
            "rank 0 (host a) waited 300 s for parameter hashes at step 17");
  EXPECT_EQ(waited(kHere, wait, 12.34),
            "rank 0 (host a) waited 12.3 s for parameter hashes at step 17");
  EXPECT_EQ(waited(kHere, {.seconds = 0.5, .what = "the verdict"}, 1),
            "rank 0 (host a) waited 0.5 s for the verdict");
}

TEST(Sentence, NamesEightMissingRanksAndCountsTheRest) {
  std::vector<Member> missing{far(2), far(3)};
  EXPECT_EQ(no_answer(missing),
            "no answer from rank 2 (host b, pid 102), rank 3 (host b, pid 103)");
  for (int r = 4; r < 12; ++r) missing.push_back(far(r));
  const std::string text = no_answer(missing);
  EXPECT_NE(text.find("rank 9 (host b, pid 109) and 2 more"), std::string::npos) << text;
}

TEST(Sentence, AFirstCauseKeepsItsWords) {
  EXPECT_EQ(first_cause(kHere, "disk full"), "rank 0 (host a) failed: disk full");
  EXPECT_EQ(first_cause(kHere, "rank 2 (host b) failed: disk full"),
            "rank 2 (host b) failed: disk full");
}

}  // namespace
}  // namespace trireme
