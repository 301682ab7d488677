#include "base/utf8.h"

#include <gtest/gtest.h>

namespace trireme {
namespace {

constexpr size_t kGood = std::string_view::npos;

TEST(Utf8, AcceptsEveryLength) {
  EXPECT_EQ(not_utf8(""), kGood);
  EXPECT_EQ(not_utf8(std::string_view("a\0b", 3)), kGood);
  EXPECT_EQ(not_utf8("\x7f \xc2\x80 \xdf\xbf"), kGood);
  EXPECT_EQ(not_utf8("\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf"), kGood);
  EXPECT_EQ(not_utf8("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"), kGood);
}

TEST(Utf8, NamesTheFirstByteThatIsNot) {
  EXPECT_EQ(not_utf8("gr\xfcn"), 2u) << "Latin-1";
  EXPECT_EQ(not_utf8("\x80"), 0u) << "a tail alone";
  EXPECT_EQ(not_utf8("a\xc3"), 1u) << "cut";
  EXPECT_EQ(not_utf8("\xc1\xbf"), 0u) << "overlong";
  EXPECT_EQ(not_utf8("\xe0\x9f\xbf"), 0u) << "overlong";
  EXPECT_EQ(not_utf8("\xf0\x8f\xbf\xbf"), 0u) << "overlong";
  EXPECT_EQ(not_utf8("\xed\xa0\x80"), 0u) << "a surrogate";
  EXPECT_EQ(not_utf8("\xf4\x90\x80\x80"), 0u) << "above U+10FFFF";
  EXPECT_EQ(not_utf8("\xff"), 0u);
}

}  // namespace
}  // namespace trireme
