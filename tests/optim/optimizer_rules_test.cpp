#include "optim/optimizer_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace trireme {
namespace {

Slot slot(const std::string& name, int64_t count) {
  Slot s;
  s.name = name;
  s.logical = s.view = Shape{count};
  return s;
}

std::vector<std::pair<int, int>> blocks_of(const OptimizerRules& rules) {
  std::vector<std::pair<int, int>> all;
  for (const SlotBlock& b : rules.blocks()) all.emplace_back(b.rule, b.count);
  return all;
}

std::vector<std::pair<float, float>> factors_of(const OptimizerRules& rules) {
  std::vector<std::pair<float, float>> all;
  for (const SlotRule& r : rules.rules()) all.emplace_back(r.lr_scale, r.decay_scale);
  return all;
}

ParamTable table() {
  std::vector<Slot> slots = {slot("a", 130), slot("b", 64), slot("frozen", 70), slot("c", 1),
                             slot("d", 3)};
  slots[1].decays = false;
  slots[2].trainable = false;
  slots[4].lr_scale = 0.5f;
  slots[4].decay_scale = 3;
  return ParamTable(std::move(slots));
}

TEST(OptimizerRules, CountTheElementsOfEachBlockThatObeyTheSlotsRule) {
  const OptimizerRules rules(table(), false);
  EXPECT_EQ(blocks_of(rules),
            (std::vector<std::pair<int, int>>{
                {0, 64}, {0, 64}, {0, 2}, {1, 64}, {0, 0}, {0, 0}, {0, 1}, {2, 3}}));
  EXPECT_EQ(factors_of(rules), (std::vector<std::pair<float, float>>{{1, 1}, {1, 0}, {0.5f, 3}}));
}

TEST(OptimizerRules, DecayAllMakesBiasesObeyTheRuleOfWeights) {
  const OptimizerRules rules(table(), true);
  EXPECT_EQ(blocks_of(rules)[3], (std::pair<int, int>{0, 64}));
  EXPECT_EQ(rules.rules().size(), 2u);
}

TEST(OptimizerRules, ATableWithoutTrainableSlotsHasOneRuleThatNobodyObeys) {
  std::vector<Slot> slots = {slot("a", 65)};
  slots[0].trainable = false;
  const OptimizerRules rules(ParamTable(std::move(slots)), false);
  EXPECT_EQ(blocks_of(rules), (std::vector<std::pair<int, int>>{{0, 0}, {0, 0}}));
  EXPECT_EQ(rules.on_host().count, 1);
  EXPECT_EQ(OptimizerRules(ParamTable(), false).on_host().count, 1);
}

TEST(OptimizerRules, MoreThan256PairsOfFactorsAreRefused) {
  std::vector<Slot> slots;
  for (int i = 0; i <= kMostRules; ++i) {
    slots.push_back(slot(std::to_string(i), 1));
    slots.back().lr_scale = static_cast<float>(i);
  }
  EXPECT_THROW(OptimizerRules(ParamTable(slots), false), ConfigError);
  slots.back().lr_scale = 0;
  EXPECT_EQ(OptimizerRules(ParamTable(slots), false).rules().size(), 256u);
}

}  // namespace
}  // namespace trireme
