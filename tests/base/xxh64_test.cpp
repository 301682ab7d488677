#include "base/xxh64.h"

#include <gtest/gtest.h>

namespace trireme {
namespace {

TEST(Xxh64, EqualsTheReferenceForEveryLengthOfTail) {
  EXPECT_EQ(xxh64(""), 0xef46db3751d8e999u);
  EXPECT_EQ(xxh64("a"), 0xd24ec4f1a98c6e5bu);
  EXPECT_EQ(xxh64("as"), 0x1c330fb2d66be179u);
  EXPECT_EQ(xxh64("asd"), 0x631c37ce72a97393u);
  EXPECT_EQ(xxh64("asdf"), 0x415872f599cea71eu);
  EXPECT_EQ(xxh64("Call me Ishmael. Some years ago--never mind how long precisely-"),
            0x02a2e85470d6fd96u);
}

TEST(Xxh64, TakesASeed) {
  EXPECT_EQ(xxh64("xxhash"), 0x32dd38952c4bc720u);
  EXPECT_EQ(xxh64("xxhash", 20141025), 0xb559b98d844e0635u);
}

}  // namespace
}  // namespace trireme
