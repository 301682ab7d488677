// Graphs planned for a described device; tests/cuda/planning compares what is planned for whom.

#include "kernels/cuda/conv_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cuda/described.h"

namespace trireme::cu {
namespace {

Conv2dSpec first_layer() { return layer_of(64, 1, 32); }
ConvTarget a100() { return described(80); }

TEST(ConvGraphTest, TheOutputHasTheSizeOfTheUsualFormula) {
  Conv2dSpec spec = first_layer();
  EXPECT_EQ(output_of(spec).h, 28);
  spec.stride_w = 2;
  spec.dilation_h = 3;
  spec.pad_h = 0;
  EXPECT_EQ(output_of(spec).h, 22);
  EXPECT_EQ(output_of(spec).w, 14);
  EXPECT_EQ(output_of(spec).rows(), 64 * 22 * 14);
  EXPECT_EQ(output_of(spec).elements(), 64 * 22 * 14 * 32);
  spec.h = 5;  // less than the dilated kernel
  EXPECT_EQ(output_of(spec).h, 0);
}

TEST(ConvGraphTest, ForwardTakesBiasAndActivationAlong) {
  std::string why;
  const auto graph = plan_with_most_fusion(first_layer(), ConvPass::forward, a100(), why);
  ASSERT_TRUE(graph) << why;
  EXPECT_TRUE(graph->fusion().bias);
  EXPECT_EQ(graph->fusion().activation, Activation::relu);
}

TEST(ConvGraphTest, BackwardIsOfThePlainConvolution) {
  for (const ConvPass pass : {ConvPass::backward_data, ConvPass::backward_weights}) {
    std::string why;
    const auto graph = plan_with_most_fusion(first_layer(), pass, a100(), why);
    ASSERT_TRUE(graph) << why;
    EXPECT_FALSE(graph->fusion().bias);
    EXPECT_EQ(graph->fusion().activation, Activation::none);
  }
}

TEST(ConvGraphTest, ReproducibleLeavesOutEnginesThatAreNot) {
  std::string why;
  ConvTarget target = a100();
  const auto strict = ConvGraph::plan(first_layer(), ConvPass::backward_weights, {}, target, why);
  target.reproducible = false;
  const auto free = ConvGraph::plan(first_layer(), ConvPass::backward_weights, {}, target, why);
  ASSERT_TRUE(strict && free) << why;
  EXPECT_NE(strict->engine(), free->engine());
}

TEST(ConvGraphTest, OtherPrecisionsTakeEnginesOfTheirOwn) {
  for (const ConvPass pass :
       {ConvPass::forward, ConvPass::backward_data, ConvPass::backward_weights}) {
    Conv2dSpec spec = first_layer();
    spec.c_in = 64;
    std::string why;
    ConvTarget target = a100();
    const auto fp32 = ConvGraph::plan(spec, pass, {}, target, why);
    ASSERT_TRUE(fp32) << why;
    for (const Precision precision : {Precision::tf32, Precision::bf16, Precision::fp16}) {
      target.precision = precision;
      const auto other = ConvGraph::plan(spec, pass, {}, target, why);
      ASSERT_TRUE(other) << why;
      EXPECT_NE(other->engine(), fp32->engine());
    }
  }
}

// The bias is fp32 beside Elements of 2 bytes.
TEST(ConvGraphTest, InTwoBytesForwardTakesBiasAndActivationAlong) {
  for (const Precision precision : {Precision::bf16, Precision::fp16}) {
    ConvTarget target = a100();
    target.precision = precision;
    std::string why;
    const auto graph = plan_with_most_fusion(first_layer(), ConvPass::forward, target, why);
    ASSERT_TRUE(graph) << why;
    EXPECT_TRUE(graph->fusion().bias);
    EXPECT_EQ(graph->fusion().activation, Activation::relu);
  }
}

TEST(ConvGraphTest, WhatCannotBePlannedSaysWhy) {
  ConvTarget target = a100();
  target.device = {'{', '}'};
  std::string why;
  EXPECT_FALSE(plan_with_most_fusion(first_layer(), ConvPass::forward, target, why));
  EXPECT_THAT(why, testing::Not(testing::IsEmpty()));
}

}  // namespace
}  // namespace trireme::cu
