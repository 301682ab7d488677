// Names, layouts, fans and initial values of the parameters that ops declare; which ops fuse.
#include <gtest/gtest.h>

#include <cmath>

#include "model/build.h"

namespace trireme::test {
namespace {

std::vector<SlotSpec> params(const std::string& kind, const Attributes& attributes,
                             const InputInfo& input) {
  return make_op(kind, attributes)->params(std::vector<InputInfo>{input});
}

TEST(Slots, DenseHasPyTorchsNamesLayoutsAndInitialValues) {
  const auto slots = params("dense", {{"units", int64_t{3}}}, {{16}, {}});
  ASSERT_EQ(slots.size(), 2u);
  EXPECT_EQ(slots[0].suffix, "weight");
  EXPECT_EQ(slots[0].logical, Shape({3, 16}));
  EXPECT_TRUE(slots[0].permutation.empty());
  EXPECT_EQ(slots[0].init.kind, Init::kaiming_uniform);
  EXPECT_DOUBLE_EQ(slots[0].init.a, std::sqrt(5.0));
  EXPECT_EQ(slots[0].fan_in, 16);
  EXPECT_EQ(slots[0].fan_out, 3);
  EXPECT_TRUE(slots[0].decays);
  EXPECT_EQ(slots[1].suffix, "bias");
  EXPECT_EQ(slots[1].init.kind, Init::uniform);
  EXPECT_DOUBLE_EQ(slots[1].init.a, -0.25);
  EXPECT_DOUBLE_EQ(slots[1].init.b, 0.25);
  EXPECT_FALSE(slots[1].decays);
}

TEST(Slots, DenseAfterAnImageStoresItsWeightAsTheInputIsInMemory) {
  const auto slots =
      params("dense", {{"units", int64_t{3}}, {"bias", int64_t{0}}}, {{40}, Shape{2, 5, 4}});
  ASSERT_EQ(slots.size(), 1u);
  EXPECT_EQ(slots[0].logical, Shape({3, 40}));
  EXPECT_EQ(slots[0].view, Shape({3, 2, 5, 4}));
  EXPECT_EQ(slots[0].permutation, (std::vector<int>{0, 2, 3, 1}));
}

TEST(Slots, ConvolutionCountsItsGroupsFans) {
  const auto slots =
      params("conv2d", {{"filters", int64_t{8}}, {"kernel", "3x5"}, {"groups", int64_t{2}}},
             {{6, 9, 9}, {}});
  EXPECT_EQ(slots[0].logical, Shape({8, 3, 3, 5}));
  EXPECT_EQ(slots[0].permutation, (std::vector<int>{0, 2, 3, 1}));
  EXPECT_EQ(slots[0].fan_in, 45);
  EXPECT_EQ(slots[0].fan_out, 120);
}

TEST(Slots, NormalisationsStartAsTheIdentityAndDoNotDecay) {
  const std::vector<InputInfo> image{{{6, 4, 4}, {}}};
  const auto op = make_op("batch_norm", {});
  for (const auto& slot : op->params(image)) {
    EXPECT_EQ(slot.logical, Shape({6}));
    EXPECT_EQ(slot.init.kind, slot.suffix == "weight" ? Init::ones : Init::zeros);
    EXPECT_FALSE(slot.decays);
  }
  const auto state = op->state(image);
  ASSERT_EQ(state.size(), 2u);
  EXPECT_EQ(state[0].suffix, "running_mean");
  EXPECT_EQ(state[0].init.kind, Init::zeros);
  EXPECT_EQ(state[1].suffix, "running_var");
  EXPECT_EQ(state[1].init.kind, Init::ones);
  EXPECT_EQ(params("layer_norm", {}, {{4, 7}, {}})[0].logical, Shape({7}));
}

struct Named {
  std::string name;
  Init kind;
  double a, b;
};

TEST(Slots, InitialValuesGoByName) {
  for (const Named& n :
       {Named{"zeros", Init::zeros, 0, 0}, Named{"ones", Init::ones, 0, 0},
        Named{"constant:0.5", Init::constant, 0.5, 0}, Named{"normal:0.02", Init::normal, 0, 0.02},
        Named{"uniform:0.1", Init::uniform, -0.1, 0.1},
        Named{"kaiming_uniform", Init::kaiming_uniform, 0, 0},
        Named{"kaiming_normal", Init::kaiming_normal, 0, 0},
        Named{"xavier_uniform", Init::xavier_uniform, 0, 0},
        Named{"xavier_normal", Init::xavier_normal, 0, 0},
        Named{"truncated_normal:0.3", Init::truncated_normal, 0, 0.3}}) {
    const auto slots = params(
        "dense", {{"units", int64_t{3}}, {"init", n.name}, {"bias_init", n.name}}, {{4}, {}});
    for (const SlotSpec& slot : slots) {
      EXPECT_EQ(slot.init.kind, n.kind) << n.name;
      EXPECT_EQ(slot.init.a, n.a) << n.name;
      EXPECT_EQ(slot.init.b, n.b) << n.name;
    }
  }
}

TEST(Slots, KerasInitialValuesAreXavierAndZerosUnlessNamed) {
  const auto slots = params("dense", {{"units", int64_t{3}}, {"initializer", "keras"}}, {{4}, {}});
  EXPECT_EQ(slots[0].init.kind, Init::xavier_uniform);
  EXPECT_EQ(slots[1].init.kind, Init::zeros);
  const auto named = params(
      "dense", {{"units", int64_t{3}}, {"initializer", "keras"}, {"init", "ones"}}, {{4}, {}});
  EXPECT_EQ(named[0].init.kind, Init::ones);
}

TEST(Fusion, OnlyWhatTheEpilogueHasAndOnlyOnce) {
  const auto dense = make_op("dense", {{"units", int64_t{3}}});
  for (Activation a :
       {Activation::relu, Activation::leaky_relu, Activation::sigmoid, Activation::tanh}) {
    const auto fused = dense->with_activation(a, 0.1f);
    ASSERT_TRUE(fused);
    EXPECT_FALSE(fused->with_activation(Activation::relu, 0));
  }
  for (Activation a :
       {Activation::gelu_erf, Activation::gelu_tanh, Activation::silu, Activation::none})
    EXPECT_FALSE(dense->with_activation(a, 0));
  EXPECT_FALSE(dense->with_addend());
}

TEST(Fusion, BatchNormTakesTheAddendBeforeTheActivation) {
  const auto norm = make_op("batch_norm", {});
  const auto relu = norm->with_activation(Activation::relu, 0);
  ASSERT_TRUE(relu);
  EXPECT_FALSE(relu->with_addend());
  EXPECT_FALSE(norm->with_activation(Activation::tanh, 0));
  const auto residual = norm->with_addend();
  ASSERT_TRUE(residual);
  EXPECT_FALSE(residual->with_addend());
  EXPECT_TRUE(residual->with_activation(Activation::relu, 0));
}

TEST(Cost, CountsMultiplyAddsAsTwo) {
  const std::vector<Shape> features{{100}}, image{{3, 8, 8}};
  EXPECT_EQ(make_op("dense", {{"units", int64_t{10}}})->cost(features).flops, 2000);
  EXPECT_EQ(make_op("dense", {{"units", int64_t{10}}})->cost(features).bytes, 440);
  const auto conv = make_op("conv2d", {{"filters", int64_t{4}}, {"kernel", int64_t{3}}});
  EXPECT_EQ(conv->cost(image).flops, 2.0 * 4 * 6 * 6 * 27);
  EXPECT_EQ(make_op("flatten", {})->cost(image).bytes, 0);
}

}  // namespace
}  // namespace trireme::test
