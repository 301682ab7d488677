#include "base/text.h"

#include <gtest/gtest.h>

#include <limits>

namespace trireme {
namespace {

using Words = std::vector<std::string>;

TEST(Text, SplitKeepsEmptyParts) {
  EXPECT_EQ(split("a,,b,", ','), (Words{"a", "", "b", ""}));
  EXPECT_EQ(split("", ','), (Words{""}));
}

TEST(Text, TrimRemovesBlanksAtBothEndsOnly) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \t "), "");
}

TEST(Text, JoinIsTheInverseOfSplit) {
  const Words parts = {"a", "", "b"};
  EXPECT_EQ(join(parts, ","), "a,,b");
  EXPECT_EQ(join(Words{}, ","), "");
}

TEST(Text, ParseIntTakesWholeTextsOnly) {
  EXPECT_EQ(parse_int("-12"), -12);
  EXPECT_EQ(parse_int("+7"), 7);
  EXPECT_EQ(parse_int("9223372036854775807"), std::numeric_limits<int64_t>::max());
  for (const char* text :
       {"", "+", "+-1", "1.5", "1 ", " 1", "0x10", "9223372036854775808", "1e3"}) {
    EXPECT_FALSE(parse_int(text)) << '"' << text << '"';
  }
}

TEST(Text, ParseDoubleTakesWholeTextsOnly) {
  EXPECT_EQ(parse_double("1e-3"), 1e-3);
  EXPECT_EQ(parse_double("+.5"), 0.5);
  for (const char* text : {"", "1,5", "1.5x", "1e999", "--1", "one"}) {
    EXPECT_FALSE(parse_double(text)) << '"' << text << '"';
  }
}

TEST(Text, NearestFindsTransposedAndMissingLetters) {
  const Words keys = {"batch_size", "max_epochs", "lr"};
  EXPECT_EQ(nearest("batch_sise", keys), "batch_size");
  EXPECT_EQ(nearest("max_epcohs", keys), "max_epochs");
  EXPECT_EQ(nearest("rl", keys), "lr");
  EXPECT_EQ(nearest("momentum", keys), std::nullopt);
  EXPECT_EQ(nearest("lr", Words{}), std::nullopt);
}

TEST(Text, NearestPrefersTheFirstOfEquals) {
  EXPECT_EQ(nearest("beta", Words{"beta1", "beta2"}), "beta1");
}

TEST(Text, GlobMatchesRunsAndSingleCharacters) {
  EXPECT_TRUE(glob_match("conv*.weight", "conv12.weight"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("a*b*c", "a__b__b__c"));
  EXPECT_TRUE(glob_match("fc?.bias", "fc1.bias"));
  EXPECT_FALSE(glob_match("fc?.bias", "fc.bias"));
  EXPECT_FALSE(glob_match("conv*.weight", "conv1.bias"));
  EXPECT_FALSE(glob_match("", "a"));
}

TEST(Text, HumanBytesUsesBinaryUnits) {
  EXPECT_EQ(human_bytes(512), "512 B");
  EXPECT_EQ(human_bytes(1.5 * 1024 * 1024), "1.5 MiB");
  EXPECT_EQ(human_bytes(1024.0 * 1024 * 1024), "1.0 GiB");
}

}  // namespace
}  // namespace trireme
