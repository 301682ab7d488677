#include "tensor/slot_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/error.h"

namespace trireme {
namespace {

using testing::HasSubstr;
using testing::Property;
using testing::Throws;

Slot slot(const std::string& name, const Shape& shape) {
  Slot s;
  s.name = name;
  s.logical = s.view = shape;
  return s;
}

TEST(ParamTableTest, PlacesSlotsAlignedInTheOrderGiven) {
  const ParamTable table({slot("a", {10}), slot("b", {8, 8}), slot("c", {4096})});
  EXPECT_EQ(table.find("a")->offset, 0);
  EXPECT_EQ(table.find("b")->offset, 64);
  EXPECT_EQ(table.find("c")->offset, 128);
  EXPECT_EQ(table.find("b")->count, 64);
  EXPECT_EQ(table.find("d"), nullptr);
  EXPECT_EQ(table.size(), 4224);
  EXPECT_EQ(table.chunks(), 2);
  EXPECT_EQ(table.chunk_range(1, 2), (Range{4096, 4224}));
  EXPECT_EQ(table.chunk_range(0, 9), (Range{0, 4224}));
  EXPECT_EQ(ParamTable().chunks(), 0);
}

TEST(ParamTableTest, HashSeesNamesShapesPermutationsAndScales) {
  const auto base = ParamTable({slot("w", {2, 3})}).hash();
  EXPECT_EQ(ParamTable({slot("w", {2, 3})}).hash(), base);
  EXPECT_NE(ParamTable({slot("v", {2, 3})}).hash(), base);
  EXPECT_NE(ParamTable({slot("w", {3, 2})}).hash(), base);
  Slot permuted = slot("w", {2, 3}), scaled = slot("w", {2, 3}), frozen = slot("w", {2, 3});
  permuted.permutation = {1, 0};
  scaled.lr_scale = 0.1f;
  frozen.trainable = false;
  EXPECT_NE(ParamTable({permuted}).hash(), base);
  EXPECT_NE(ParamTable({scaled}).hash(), base);
  EXPECT_NE(ParamTable({frozen}).hash(), base);
}

TEST(ParamTableTest, RefusesSlotsThatContradictThemselves) {
  Slot bad = slot("w", {2, 3});
  bad.view = {2, 4};
  EXPECT_THAT([&] { ParamTable({bad}); },
              Throws<ShapeError>(Property(
                  &Error::what, HasSubstr("parameter w: its shape 2x3 has 6 elements, its view 2x4 "
                                          "has 8"))));
  bad = slot("w", {2, 3});
  bad.permutation = {0, 0};
  EXPECT_THAT([&] { ParamTable({bad}); },
              Throws<ShapeError>(Property(&Error::what, HasSubstr("does not name each of the 2"))));
  EXPECT_THAT(
      [] {
        ParamTable({slot("w", {1}), slot("w", {2})});
      },
      Throws<ConfigError>(Property(&Error::what, HasSubstr("two parameters are called w"))));
}

TEST(PermuteTest, StoredOrderIsThePermutedView) {
  Slot s = slot("conv.weight", {4, 2, 3, 5});  // O,I,H,W stored as O,H,W,I
  s.permutation = {0, 2, 3, 1};
  std::vector<float> logical(120), stored(120), back(120);
  std::iota(logical.begin(), logical.end(), 0.0f);
  to_stored(s, logical.data(), stored.data());
  size_t at = 0;
  for (size_t o = 0; o < 4; ++o) {
    for (size_t h = 0; h < 3; ++h) {
      for (size_t w = 0; w < 5; ++w) {
        for (size_t i = 0; i < 2; ++i) {
          ASSERT_EQ(stored[at++], logical[((o * 2 + i) * 3 + h) * 5 + w]);
        }
      }
    }
  }
  to_logical(s, stored.data(), back.data());
  EXPECT_EQ(back, logical);
}

TEST(PermuteTest, AViewMayHaveAnotherRankAndNoPermutationIsACopy) {
  Slot s = slot("fc.weight", {2, 12});  // out, C*H*W seen as out,C,S and stored as out,S,C
  s.view = {2, 3, 4};
  s.permutation = {0, 2, 1};
  std::vector<float> logical(24), stored(24);
  std::iota(logical.begin(), logical.end(), 0.0f);
  to_stored(s, logical.data(), stored.data());
  EXPECT_EQ(std::vector<float>(stored.begin(), stored.begin() + 5),
            (std::vector<float>{0, 4, 8, 1, 5}));
  s.permutation.clear();
  to_logical(s, logical.data(), stored.data());
  EXPECT_EQ(stored, logical);
}

std::vector<float> drawn(Initializer init, uint64_t seed = 1, const char* name = "w") {
  Slot s = slot(name, {100, 300});
  s.init = init;
  s.fan_in = 300;
  s.fan_out = 100;
  std::vector<float> values(30000);
  initialise(s, seed, values.data());
  return values;
}

double deviation(const std::vector<float>& v, double mean = 0) {
  double sum = 0;
  for (float x : v) sum += (static_cast<double>(x) - mean) * (static_cast<double>(x) - mean);
  return std::sqrt(sum / static_cast<double>(v.size()));
}

TEST(InitialiseTest, DrawsWithTheSpreadThatTorchDocuments) {
  EXPECT_EQ(drawn({Init::zeros}), std::vector<float>(30000));
  EXPECT_EQ(drawn({Init::ones})[77], 1.0f);
  EXPECT_EQ(drawn({Init::constant, 0.5})[77], 0.5f);
  EXPECT_NEAR(deviation(drawn({Init::normal, 2, 0.1}), 2), 0.1, 0.002);
  EXPECT_NEAR(deviation(drawn({Init::kaiming_normal})), std::sqrt(2.0 / 300), 0.001);
  EXPECT_NEAR(deviation(drawn({Init::kaiming_normal, 0, 1})), std::sqrt(2.0 / 100), 0.002);
  EXPECT_NEAR(deviation(drawn({Init::xavier_normal, 2})), 2 * std::sqrt(2.0 / 400), 0.002);
  EXPECT_NEAR(deviation(drawn({Init::truncated_normal, 0, 1})), 0.8796, 0.01);
}

TEST(InitialiseTest, UniformDrawsFillTheirInterval) {
  const auto expect_within = [](const std::vector<float>& v, float low, float high) {
    const auto [smallest, largest] = std::minmax_element(v.begin(), v.end());
    const float slack = (high - low) * 0.001f;
    EXPECT_TRUE(*smallest >= low && *smallest < low + slack) << *smallest;
    EXPECT_TRUE(*largest <= high && *largest > high - slack) << *largest;
  };
  expect_within(drawn({Init::uniform, -1, 3}), -1, 3);
  const float linear = 1 / std::sqrt(300.0f);  // torch.nn.Linear: a = sqrt(5)
  expect_within(drawn({Init::kaiming_uniform, std::sqrt(5.0)}), -linear, linear);
  const float xavier = std::sqrt(6.0f / 400);
  expect_within(drawn({Init::xavier_uniform}), -xavier, xavier);
  for (float v : drawn({Init::truncated_normal, 1, 3})) ASSERT_LE(std::abs(v), 2.0f);
}

TEST(InitialiseTest, AValueDependsOnSeedNameAndIndexAlone) {
  const auto values = drawn({Init::normal, 0, 1});
  EXPECT_EQ(drawn({Init::normal, 0, 1}), values);
  EXPECT_NE(drawn({Init::normal, 0, 1}, 2), values);
  EXPECT_NE(drawn({Init::normal, 0, 1}, 1, "v"), values);
  Slot small = slot("w", {5});
  small.init = {Init::normal, 0, 1};
  std::vector<float> first(5);
  initialise(small, 1, first.data());
  EXPECT_EQ(first, std::vector<float>(values.begin(), values.begin() + 5));
}

TEST(InitialiseTest, FansMustBeKnownWhereTheyAreUsed) {
  Slot s = slot("bias", {5});
  s.init = {Init::kaiming_uniform};
  float values[5];
  EXPECT_THAT(
      [&] { initialise(s, 1, values); },
      Throws<ConfigError>(Property(
          &Error::what, HasSubstr("parameter bias: its initialiser needs a fan, which is 0"))));
}

TEST(ParamTableTest, MoreThanCanBeCountedIsRefused) {
  const int64_t much = int64_t{1} << 55;
  EXPECT_NO_THROW(ParamTable({slot("a", {much})}));
  EXPECT_THAT(([&] {
                ParamTable({slot("a", {much}), slot("fc.weight", {much})});
              }),
              Throws<ShapeError>(Property(&ShapeError::what,
                                          HasSubstr("parameter fc.weight is 36028797018963968: the "
                                                    "model has more than 2^56 parameters"))));
}

TEST(SlotOrder, RunsOfAnyRangeAreTheElementsOfTheWholeSlot) {
  Slot slot;
  slot.view = slot.logical = {3, 4, 2, 5};
  slot.permutation = {0, 2, 3, 1};
  slot.count = 120;
  std::vector<float> stored(120), logical(120);
  std::iota(stored.begin(), stored.end(), 0.0f);
  to_logical(slot, stored.data(), logical.data());
  for (int64_t begin = 0; begin <= 120; ++begin)
    for (int64_t end = begin; end <= 120; end += 7) {
      int64_t next = begin;
      for_each_run(slot, {begin, end}, [&](const LogicalRun& run) {
        ASSERT_EQ(run.stored, next);
        for (int64_t i = 0; i < run.length; ++i)
          ASSERT_EQ(logical[static_cast<size_t>(run.logical + i * run.stride)],
                    static_cast<float>(run.stored + i));
        next += run.length;
      });
      ASSERT_EQ(next, end);
    }
}

}  // namespace
}  // namespace trireme
