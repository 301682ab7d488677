#include "base/rng.h"

#include <gtest/gtest.h>

namespace trireme {
namespace {

// Known answers of Random123's kat_vectors for philox4x32-10.
TEST(Rng, PhiloxGivesThePublishedWords) {
  EXPECT_EQ(philox(0, 0, 0), (Philox4{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox(~0ull, ~0ull, ~0ull), (Philox4{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e),
            (Philox4{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, HashNameIsFnv1a) {
  EXPECT_EQ(hash_name(""), 0xcbf29ce484222325u);
  EXPECT_EQ(hash_name("a"), 0xaf63dc4c8601ec8cu);
}

TEST(Rng, UniformNumbersStayBelowOne) {
  EXPECT_EQ(to_unit_float(0), 0.0f);
  EXPECT_LT(to_unit_float(~0u), 1.0f);
  EXPECT_LT(to_unit_double(~0u, ~0u), 1.0);
  EXPECT_EQ(to_below(0, 7, 5), 2u);
}

}  // namespace
}  // namespace trireme
