// The ids of a leaf as numbered, distinct, ascending keys.
#include "model/lookup.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

namespace trireme {
namespace {

// What build() promises, said by a set.
void expect_numbered(const std::vector<int64_t>& ids, int64_t features, int64_t values,
                     bool per_feature) {
  std::vector<int64_t> keys(ids.size());
  std::set<int64_t> distinct;
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto feature = static_cast<int64_t>(i) / values % features;
    keys[i] = table_key(ids[i], feature, per_feature);
    if (ids[i] != -1) distinct.insert(keys[i]);
  }
  const std::vector<int64_t> ascending(distinct.begin(), distinct.end());
  Lookup lookup;
  for (int again = 0; again < 2; ++again) {  // its memory is used again
    lookup.build(ids.data(), static_cast<int64_t>(ids.size()) / (features * values), features,
                 values, per_feature);
    ASSERT_TRUE(std::ranges::equal(lookup.keys(), ascending));
    ASSERT_EQ(lookup.index().size(), ids.size());
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto at = std::ranges::lower_bound(ascending, keys[i]) - ascending.begin();
      ASSERT_EQ(lookup.index()[i], ids[i] == -1 ? -1 : static_cast<int32_t>(at)) << i;
    }
  }
}

// Some without an id, many twice.
std::vector<int64_t> drawn(size_t count, auto id_of) {
  std::vector<int64_t> ids(count);
  for (size_t i = 0; i < count; ++i) {
    const Philox4 w = philox(5, i, 0);
    ids[i] = w[0] % 9 == 0 ? -1 : id_of(w[1] % (count / 2 + 1));
  }
  return ids;
}

TEST(Lookup, NumbersDistinctKeysInAscendingOrder) {
  for (const size_t positions : {6u, 60u, 252u, 258u, 6'000u})
    for (const bool per_feature : {false, true}) {
      expect_numbered(drawn(positions, [](uint32_t n) { return int64_t{n} * 7; }), 3, 2,
                      per_feature);
      expect_numbered(drawn(positions, [](uint32_t n) { return int64_t{n} - 100; }), 6, 1,
                      per_feature);
    }
}

TEST(Lookup, TellsKeysApartThatDifferInTheirLowerBitsAlone) {
  constexpr int64_t kFar = int64_t{1} << 62;
  for (const size_t positions : {60u, 6'000u})
    expect_numbered(
        drawn(positions, [](uint32_t n) { return (n % 3 == 0 ? -kFar : kFar) + int64_t{n}; }), 2, 1,
        false);
}

TEST(Lookup, TakesEveryKeyThatAnIdMayBe) {
  constexpr auto kLeast = std::numeric_limits<int64_t>::min();
  constexpr auto kMost = std::numeric_limits<int64_t>::max();
  expect_numbered({kMost, kLeast, 0, -2, kMost, kLeast + 1, kMost - 1, -1}, 2, 1, false);
}

TEST(Lookup, OfNoIdsHasNoKeys) {
  expect_numbered({}, 3, 1, false);
  expect_numbered(std::vector<int64_t>(600, -1), 3, 2, true);
  expect_numbered(std::vector<int64_t>(600, 7), 3, 2, false);
}

}  // namespace
}  // namespace trireme
