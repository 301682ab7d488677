#include "optim/slot_rules.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"

namespace trireme {
namespace {

const std::vector<std::string> kNames = {"conv1.weight", "conv1.bias", "fc.weight"};

TEST(SlotRules, PatternsThatMatchAreAccepted) {
  const std::vector<std::string> patterns = {"conv*.weight", "fc.weight", "*"};
  EXPECT_NO_THROW(check_patterns(patterns, kNames, "train.freeze"));
}

TEST(SlotRules, APatternThatMatchesNothingIsNamedWithTheNearestName) {
  const std::vector<std::string> patterns = {"fc.weight", "conv1.wieght"};
  try {
    check_patterns(patterns, kNames, "train.freeze");
    FAIL() << "accepted";
  } catch (const ConfigError& e) {
    EXPECT_STREQ(e.what(), "train.freeze: no parameter matches 'conv1.wieght'");
    EXPECT_EQ(e.hint(), "did you mean 'conv1.weight'?");
  }
}

}  // namespace
}  // namespace trireme
