#include "ps/row_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <unordered_map>

#include "base/error.h"

namespace trireme::ps {
namespace {

TableSpec spec_of(int64_t dim, Initializer init = {Init::uniform, -0.5, 0.5}) {
  return {"users", dim, init};
}

uint64_t word(uint64_t i) {
  const Philox4 w = philox(99, i, 0);
  return uint64_t{w[0]} << 32 | w[1];
}

std::vector<RowId> rows_of(RowTable& table, std::span<const int64_t> keys) {
  std::vector<RowId> rows(keys.size());
  table.find_or_create(keys, rows);
  return rows;
}

// mix(key, salt) backwards: keys that were chosen for their hashes.
uint64_t unmix(uint64_t z, uint64_t salt) {
  const auto inverse = [](uint64_t odd) {  // Newton, modulo 2^64
    uint64_t x = odd;
    for (int i = 0; i < 6; ++i) x *= 2 - odd * x;
    return x;
  };
  z = z ^ (z >> 31) ^ (z >> 62);
  z *= inverse(0x94d049bb133111ebu);
  z = z ^ (z >> 27) ^ (z >> 54);
  z *= inverse(0xbf58476d1ce4e5b9u);
  z = z ^ (z >> 30) ^ (z >> 60);
  return z - 0x9e3779b97f4a7c15u * (salt + 1);
}

TEST(RowTable, AgreesWithAHashMapOverAMillionRandomKeys) {
  RowTable table(spec_of(2), {1, 0}, 7);
  std::unordered_map<int64_t, RowId> expected;
  std::vector<int64_t> keys(1000);
  for (uint64_t batch = 0; batch < 1000; ++batch) {
    for (size_t i = 0; i < keys.size(); ++i)  // about a third are repeated
      keys[i] = static_cast<int64_t>(word((batch * 1000 + i) * 2 / 3 + word(i) % 2));
    const auto rows = rows_of(table, keys);
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto [at, fresh] = expected.try_emplace(keys[i], rows[i]);
      ASSERT_EQ(at->second, rows[i]) << "key " << keys[i];
      ASSERT_EQ(table.header(rows[i]).key, keys[i]);
    }
  }
  ASSERT_EQ(table.size(), static_cast<int64_t>(expected.size()));
  std::vector<RowId> found(1);
  for (const auto& [key, row] : expected) {
    table.find(std::span(&key, 1), found);
    ASSERT_EQ(found[0], row);
  }
  const int64_t absent = -12345;
  table.find(std::span(&absent, 1), found);
  EXPECT_EQ(found[0], kNoRow);
}

TEST(RowTable, TakesKeysThatAllHashToOneSegment) {
  constexpr uint64_t kSeed = 3;
  const uint64_t salt = mix(kSeed, hash_name("rows of users"));
  ASSERT_EQ(mix(unmix(12345, salt), salt), 12345u);
  RowTable table(spec_of(1), {0, 0}, kSeed);
  std::vector<int64_t> keys;
  for (uint64_t i = 0; i < 20000; ++i)  // the upper 40 bits agree
    keys.push_back(static_cast<int64_t>(unmix(0xabcdef1234000000u | i * 7, salt)));
  const auto rows = rows_of(table, keys);
  EXPECT_EQ(std::set<RowId>(rows.begin(), rows.end()).size(), keys.size());
  EXPECT_EQ(rows_of(table, keys), rows);
  EXPECT_LT(table.bytes(), 64 << 20) << "the directory does not follow chosen keys";
}

TEST(RowTable, TakesSequentialKeysAndMultiplesOfPowersOfTwo) {
  for (const int shift : {0, 20, 48}) {
    RowTable table(spec_of(1), {0, 0}, 1);
    std::vector<int64_t> keys(50000);
    for (size_t i = 0; i < keys.size(); ++i)
      keys[i] = static_cast<int64_t>(static_cast<uint64_t>(i) << shift);
    std::set<int64_t> distinct(keys.begin(), keys.end());
    rows_of(table, keys);
    EXPECT_EQ(table.size(), static_cast<int64_t>(distinct.size()));
  }
}

TEST(RowTable, NeverMovesARowWhileItGrows) {
  RowTable table(spec_of(16), {16, 0}, 1);
  const int64_t first = 42;
  const RowId row = rows_of(table, std::span(&first, 1))[0];
  float* weights = table.weights(row);
  weights[3] = 17;
  std::vector<int64_t> keys(100000);
  std::iota(keys.begin(), keys.end(), 1000);
  rows_of(table, keys);
  EXPECT_EQ(table.weights(row), weights);
  EXPECT_EQ(weights[3], 17);
}

TEST(RowTable, DrawsARowFromSeedTableAndKeyAlone) {
  const std::vector<int64_t> keys = {5, -9, 1 << 30}, reversed = {1 << 30, -9, 5};
  for (const Init kind : {Init::uniform, Init::normal}) {
    const TableSpec spec = spec_of(5, {kind, -0.5, 0.5});
    RowTable a(spec, {5, 0.25f}, 7), b(spec, {0, 0}, 7), other_seed(spec, {0, 0}, 8),
        other_name({"items", 5, spec.init}, {0, 0}, 7);
    const auto row = [&](RowTable& t, std::span<const int64_t> order, int64_t key) {
      rows_of(t, order);
      const RowId id = rows_of(t, std::span(&key, 1))[0];
      return std::vector<float>(t.weights(id), t.weights(id) + 5);
    };
    EXPECT_EQ(row(a, keys, -9), row(b, reversed, -9));
    EXPECT_NE(row(a, keys, -9), row(other_seed, keys, -9));
    EXPECT_NE(row(a, keys, -9), row(other_name, keys, -9));
    EXPECT_NE(row(a, keys, -9), row(a, keys, 5));
    EXPECT_EQ(a.state(0)[4], 0.25f);
  }
}

TEST(RowTable, DrawsUniformAndNormalValuesOfTheRightSpread) {
  for (const Init kind : {Init::uniform, Init::normal}) {
    RowTable table(
        spec_of(3, {kind, kind == Init::uniform ? -2.0 : 1.0, kind == Init::uniform ? 2.0 : 0.5}),
        {0, 0}, 11);
    std::vector<int64_t> keys(20000);
    std::iota(keys.begin(), keys.end(), 0);
    std::vector<float> values(keys.size() * 3);
    const std::vector<RowId> made = rows_of(table, keys);
    std::vector<RowId> read(made.size());
    table.read(keys, read, values.data());
    EXPECT_EQ(read, made);
    double sum = 0, squares = 0;
    for (const float v : values) sum += v;
    const double mean = sum / static_cast<double>(values.size());
    for (const float v : values) squares += (v - mean) * (v - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(values.size()));
    EXPECT_NEAR(mean, kind == Init::uniform ? 0 : 1, 0.02);
    EXPECT_NEAR(deviation, kind == Init::uniform ? 2 / std::sqrt(3.0) : 0.5, 0.02);
  }
}

TEST(RowTable, ReadsZerosForWhatIsNotThere) {
  RowTable table(spec_of(2, {Init::constant, 3, 0}), {0, 0}, 1);
  const int64_t key = 1;
  const RowId row = rows_of(table, std::span(&key, 1))[0];
  std::vector<RowId> rows(3);
  std::vector<float> out(6, -1);
  table.read(std::vector<int64_t>{key, 2, key}, rows, out.data());
  EXPECT_EQ(rows, (std::vector<RowId>{row, kNoRow, row}));
  EXPECT_EQ(out, (std::vector<float>{3, 3, 0, 0, 3, 3}));
}

TEST(RowTable, ListsRowsByKey) {
  RowTable table(spec_of(1), {0, 0}, 1);
  const std::vector<int64_t> keys = {7, -3, 100, 0};
  rows_of(table, keys);
  std::vector<int64_t> listed;
  for (const RowId row : table.by_key(table.size())) listed.push_back(table.header(row).key);
  EXPECT_EQ(listed, (std::vector<int64_t>{-3, 0, 7, 100}));
}

TEST(RowTable, GivesTheMemoryOfErasedRowsToNewOnes) {
  RowTable table(spec_of(2), {1, 0.5f}, 1);
  std::vector<int64_t> keys(1000);
  std::iota(keys.begin(), keys.end(), 0);
  const auto rows = rows_of(table, keys);
  table.weights(rows[500])[0] = 99;
  for (size_t i = 0; i < keys.size(); i += 2) table.erase(rows[i]);
  EXPECT_EQ(table.size(), 500);
  EXPECT_EQ(table.slots(), 1000);
  std::vector<int64_t> listed;
  for (const RowId row : table.by_key(table.slots())) listed.push_back(table.header(row).key);
  ASSERT_EQ(listed.size(), 500u);
  for (size_t i = 0; i < listed.size(); ++i) EXPECT_EQ(listed[i], static_cast<int64_t>(2 * i + 1));
  const int64_t bytes = table.bytes();
  for (int64_t& key : keys) key += 1000;
  for (size_t i = 0; i < 500; ++i) {
    const RowId row = table.make(keys[i]);
    std::vector<float> first(2);
    table.initial_row(keys[i], first.data());
    EXPECT_EQ(table.weights(row)[0], first[0]);
    EXPECT_EQ(table.state(row)[0], 0.5f);
    EXPECT_EQ(table.header(row).updates, 0);
  }
  EXPECT_EQ(table.slots(), 1000);
  EXPECT_EQ(table.bytes(), bytes);
}

TEST(RowTable, OfAKnownSizeHasItsIndexFromTheStartAndGrowsPastItAllTheSame) {
  RowTable table(spec_of(1), {0, 0}, 1, 1000);
  const int64_t empty = table.bytes();
  EXPECT_LE(empty, 1000 * RowIndex::kBytesOfRow + 1000);
  std::vector<int64_t> keys(1000);
  std::iota(keys.begin(), keys.end(), 0);
  rows_of(table, keys);
  EXPECT_LE(table.bytes(), 1000 * RowTable::bytes_of_row(1, {0, 0}) + 1000 * 64 / 32 + (16 << 10));
  std::vector<int64_t> more(200'000);
  std::iota(more.begin(), more.end(), 0);
  const auto rows = rows_of(table, more);
  EXPECT_EQ(table.size(), 200'000);
  EXPECT_EQ(rows_of(table, more), rows);
}

TEST(RowTable, RefusesAnInitializerThatNeedsFans) {
  EXPECT_THROW(RowTable(spec_of(2, {Init::kaiming_normal}), {0, 0}, 1), ConfigError);
}

TEST(RowIndex, FindsTheOthersAfterRowsWereErased) {
  std::vector<uint64_t> hashes;
  RowIndex index([&](RowId row) { return hashes[row]; });
  for (uint64_t i = 0; i < 30000; ++i) {
    hashes.push_back(word(i) | (i % 3 == 0 ? 0xfff00000000u : 0));  // crowded places too
    index.insert(hashes.back(), static_cast<RowId>(i));
  }
  for (uint64_t i = 0; i < hashes.size(); i += 2)
    EXPECT_TRUE(index.erase(hashes[i], static_cast<RowId>(i)));
  EXPECT_FALSE(index.erase(hashes[0], 0));
  for (uint64_t i = 0; i < hashes.size(); ++i)
    ASSERT_EQ(index.find(hashes[i]), i % 2 == 0 ? kNoRow : static_cast<RowId>(i));
  EXPECT_EQ(index.size(), 15000);
}

}  // namespace
}  // namespace trireme::ps
