// Plans made for a described device, kept, and restored as a later start would.

#include "kernels/cuda/conv_plans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "cuda/described.h"
#include "cuda/plan_folder.h"
#include "kernels/cuda/kept_plan.h"

namespace trireme::cu {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

constexpr ConvPass kPasses[] = {ConvPass::forward, ConvPass::backward_data,
                                ConvPass::backward_weights};

constexpr std::pair<int, Precision> kTargets[] = {
    {80, Precision::bf16}, {90, Precision::fp32}, {90, Precision::fp16}, {100, Precision::bf16}};

Conv2dSpec layer() { return layer_of(32, 32, 64); }

class ConvPlansTest : public PlanFolder {
 protected:
  static std::string key(const Conv2dSpec& spec, ConvPass pass) {
    return "H100; " + problem_of(spec, pass);
  }
  // As one start has it: a store and plans of its own.
  std::shared_ptr<const ConvGraph> start(const Conv2dSpec& spec, ConvPass pass,
                                         const ConvTarget& target = described(90)) {
    PlanStore store(folder, warn);
    std::string why;
    auto graph = ConvPlans(target, "H100", store).get(spec, pass, why);
    EXPECT_TRUE(graph) << why;
    return graph;
  }
  // Puts an engine that the heuristics do not take first into the place of what they take.
  std::string keep_another_engine() {
    ConvTarget target = described(90);
    target.reproducible = false;
    return start(layer(), ConvPass::backward_weights, target)->text();
  }
};

// The text holds engine, knobs and the whole problem.
TEST_F(ConvPlansTest, ARestoredPlanIsTheOneThatWasMade) {
  for (const auto& [capability, precision] : kTargets)
    for (const ConvPass pass : kPasses) {
      const ConvTarget target = described(capability, precision);
      std::string why;
      const auto made = plan_with_most_fusion(layer(), pass, target, why);
      ASSERT_TRUE(made) << why;
      const auto restored = ConvGraph::restore(made->text(), pass, made->fusion(), target, why);
      ASSERT_TRUE(restored) << why;
      EXPECT_EQ(restored->text(), made->text());
      EXPECT_EQ(restored->workspace_bytes(), made->workspace_bytes());
      EXPECT_EQ(restored->fusion().bias, made->fusion().bias);
      EXPECT_EQ(restored->fusion().activation, made->fusion().activation);
    }
}

TEST_F(ConvPlansTest, EveryPlanIsKeptAndFoundAgain) {
  for (const Precision precision : {Precision::fp32, Precision::tf32, Precision::bf16}) {
    fs::remove_all(folder);
    for (const ConvPass pass : kPasses) {
      const auto made = start(layer(), pass, described(90, precision));
      const fs::path file = PlanStore(folder, warn).file_of(key(layer(), pass));
      const auto written = fs::last_write_time(file);
      const auto found = start(layer(), pass, described(90, precision));
      EXPECT_EQ(found->text(), made->text());
      EXPECT_EQ(fs::last_write_time(file), written);
    }
  }
  EXPECT_THAT(said, IsEmpty());
}

TEST_F(ConvPlansTest, EqualConvolutionsHaveOnePlan) {
  PlanStore store("", warn);
  ConvPlans plans(described(90), "H100", store);
  std::string why;
  const auto first = plans.get(layer(), ConvPass::forward, why);
  EXPECT_EQ(plans.get(layer(), ConvPass::forward, why), first);
  EXPECT_NE(plans.get(layer(), ConvPass::backward_data, why), first);
  Conv2dSpec other = layer();
  other.n = 31;
  EXPECT_NE(plans.get(other, ConvPass::forward, why), first);
}

TEST_F(ConvPlansTest, TheSlopeOfALeakyReluTellsPlansApart) {
  Conv2dSpec one = layer(), other = layer();
  one.activation = other.activation = Activation::leaky_relu;
  one.alpha = 0.1f;
  other.alpha = 0.10000001f;
  EXPECT_NE(problem_of(one, ConvPass::forward), problem_of(other, ConvPass::forward));
  EXPECT_EQ(problem_of(one, ConvPass::backward_data), problem_of(other, ConvPass::backward_data));
}

TEST_F(ConvPlansTest, ALaterStartTakesWhatWasKeptAndPlansNothing) {
  const std::string other = keep_another_engine();
  EXPECT_EQ(start(layer(), ConvPass::backward_weights)->text(), other);
  EXPECT_THAT(said, IsEmpty());
  fs::remove_all(folder);
  EXPECT_NE(start(layer(), ConvPass::backward_weights)->text(), other) << "planned";
}

TEST_F(ConvPlansTest, WhatWasKeptElsewhereIsNotTaken) {
  const std::string other = keep_another_engine();
  PlanStore store(folder, warn);
  std::string why;
  const auto graph = ConvPlans(described(90), "H100 with another driver", store)
                         .get(layer(), ConvPass::backward_weights, why);
  EXPECT_NE(graph->text(), other);
}

TEST_F(ConvPlansTest, ADamagedFileIsPlannedAnewAndKept) {
  const std::string text = start(layer(), ConvPass::forward)->text();
  const fs::path file = PlanStore(folder, warn).file_of(key(layer(), ConvPass::forward));
  fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_EQ(start(layer(), ConvPass::forward)->text(), text);
  EXPECT_THAT(said, ElementsAre(HasSubstr("is damaged: it is made anew")));
  EXPECT_EQ(start(layer(), ConvPass::forward)->text(), text);
  EXPECT_EQ(said.size(), 1u) << "kept anew";
}

// A whole file, but of what this cuDNN does not take, or takes for something else.
TEST_F(ConvPlansTest, APlanThatIsRefusedIsPlannedAnewAndKept) {
  const std::string made = start(layer(), ConvPass::forward)->text();
  const std::string the_key = key(layer(), ConvPass::forward);
  const KeptPlan good = kept_plan(*PlanStore(folder, warn).find(the_key)).value();
  KeptPlan no_json = good, no_engine = good, other_engine = good, other_workspace = good;
  no_json.plan = "{}";
  no_engine.plan.replace(no_engine.plan.find("\"engineId\":"), 11, "\"engineId\":99");
  other_engine.engine += "1";
  other_workspace.workspace += 1;
  std::vector<std::string> texts = {"", "fused", "fused 1 1\nengine eng1\nworkspace x\n{}"};
  for (const KeptPlan& kept : {no_json, no_engine, other_engine, other_workspace})
    texts.push_back(to_text(kept));
  for (const std::string& text : texts) {
    said.clear();
    PlanStore(folder, warn).keep(the_key, text);
    EXPECT_EQ(start(layer(), ConvPass::forward)->text(), made) << text;
    EXPECT_THAT(said, ElementsAre(HasSubstr("it is made anew"))) << text;
    said.clear();
    (void)start(layer(), ConvPass::forward);
    EXPECT_THAT(said, IsEmpty()) << text;
  }
}

TEST_F(ConvPlansTest, WhatHasNoEngineIsNotKept) {
  ConvTarget nothing = described(90);
  nothing.device = {'{', '}'};
  PlanStore store(folder, warn);
  std::string why;
  EXPECT_FALSE(ConvPlans(nothing, "H100", store).get(layer(), ConvPass::forward, why));
  EXPECT_THAT(why, testing::Not(IsEmpty()));
  EXPECT_FALSE(fs::exists(folder));
}

}  // namespace
}  // namespace trireme::cu
