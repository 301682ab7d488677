#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "model/build.h"
#include "model/ops/expect_error.h"

namespace trireme::test {
namespace {

using Ints = std::vector<int64_t>;

struct Example {
  std::string kind;
  Attributes attributes;
};

// At least one per kind, every attribute away from its default somewhere.
const std::vector<Example>& examples() {
  static const std::vector<Example> all{
      {"dense", {{"units", int64_t{3}}}},
      {"dense",
       {{"units", int64_t{3}},
        {"bias", int64_t{0}},
        {"init", "normal:0.02"},
        {"bias_init", "ones"},
        {"activation", "leaky_relu"},
        {"alpha", 0.3}}},
      {"conv2d", {{"filters", int64_t{4}}, {"kernel", Ints{3, 5}}}},
      {"conv2d",
       {{"filters", int64_t{4}},
        {"kernel", Ints{3, 5}},
        {"stride", Ints{2, 1}},
        {"padding", "same"},
        {"dilation", Ints{1, 2}},
        {"groups", int64_t{2}},
        {"bias", int64_t{0}},
        {"initializer", "keras"},
        {"activation", "tanh"}}},
      {"max_pool2d", {{"size", Ints{3, 2}}, {"stride", Ints{2, 1}}, {"padding", Ints{1, 0}}}},
      {"avg_pool2d", {{"size", int64_t{2}}}},
      {"avg_pool2d",
       {{"size", Ints{3, 2}}, {"padding", int64_t{1}}, {"count_include_pad", int64_t{0}}}},
      {"global_avg_pool", {}},
      {"batch_norm", {}},
      {"batch_norm",
       {{"stats", "shard"},
        {"momentum", 0.2},
        {"epsilon", 1e-3},
        {"activation", "relu"},
        {"addend", int64_t{1}}}},
      {"layer_norm", {{"epsilon", 1e-6}}},
      {"dropout", {{"p", 0.25}}},
      {"flatten", {}},
      {"reshape", {{"shape", Ints{2, -1}}}},
      {"to_logical", {{"shape", Ints{2, 3, 4}}}},
      {"add", {{"inputs", int64_t{3}}}},
      {"concat", {}},
      {"slice", {{"begin", int64_t{2}}, {"count", int64_t{3}}}},
      {"embedding_bag", {{"table", "items"}, {"dim", int64_t{4}}}},
      {"embedding_bag",
       {{"table", "items"},
        {"dim", int64_t{4}},
        {"mode", "mean"},
        {"per_feature", int64_t{0}},
        {"flat", int64_t{1}},
        {"init", "normal"},
        {"scale", 0.5}}},
      {"dot_interaction", {}},
      {"dot_interaction", {{"inputs", int64_t{2}}}},
      {"cross", {}},
      {"factorization_machine", {{"reduce", int64_t{0}}}},
      {"relu", {}},
      {"leaky_relu", {{"alpha", 0.2}}},
      {"gelu", {}},
      {"gelu", {{"approximate", "tanh"}}},
      {"silu", {}},
      {"sigmoid", {}},
      {"tanh", {}},
      {"softmax", {}},
      {"softmax_cross_entropy",
       {{"label_smoothing", 0.1}, {"class_weights", std::vector<double>{1, 2.5}}}},
      {"sigmoid_cross_entropy", {{"positive_weight", 2.0}, {"targets", "values"}}},
      {"sigmoid_cross_entropy", {{"targets", "labels"}}},
      {"mse", {}},
      {"mae", {}},
      {"huber", {{"delta", 0.5}}},
      {"hinge", {{"margin", 0.5}, {"squared", int64_t{1}}}},
  };
  return all;
}

const Attribute* find(const Attributes& attributes, const std::string& name) {
  for (const auto& [key, value] : attributes)
    if (key == name) return &value;
  return nullptr;
}

TEST(OpFactory, ExamplesCoverEveryKind) {
  std::set<std::string> covered;
  for (const Example& e : examples()) covered.insert(e.kind);
  for (const std::string& kind : op_kinds()) EXPECT_TRUE(covered.contains(kind)) << kind;
}

TEST(OpFactory, AttributesRebuildAnEqualOp) {
  for (const Example& e : examples()) {
    const auto op = make_op(e.kind, e.attributes);
    const auto again = make_op(op->kind(), op->attributes());
    EXPECT_EQ(op->kind(), e.kind);
    EXPECT_EQ(again->kind(), op->kind());
    EXPECT_EQ(again->attributes(), op->attributes()) << e.kind;
    EXPECT_EQ(again->is_loss(), op->is_loss());
    EXPECT_EQ(again->is_view(), op->is_view());
  }
}

TEST(OpFactory, FusedOpsRebuildToo) {
  const auto check = [](const std::shared_ptr<const Op>& fused) {
    ASSERT_TRUE(fused);
    EXPECT_EQ(make_op(fused->kind(), fused->attributes())->attributes(), fused->attributes());
  };
  check(make_op("dense", {{"units", int64_t{3}}})->with_activation(Activation::leaky_relu, 0.2f));
  check(make_op("conv2d", {{"filters", int64_t{3}}, {"kernel", int64_t{3}}})
            ->with_activation(Activation::relu, 0));
  check(make_op("batch_norm", {})->with_addend()->with_activation(Activation::relu, 0));
}

TEST(OpFactory, AttributesKeepWhatWasGiven) {
  for (const Example& e : examples()) {
    const Attributes all = make_op(e.kind, e.attributes)->attributes();
    for (const auto& [name, value] : e.attributes) {
      if (std::holds_alternative<int64_t>(value) || name == "padding" || name == "initializer")
        continue;
      ASSERT_TRUE(find(all, name)) << e.kind << " " << name;
      EXPECT_EQ(*find(all, name), value) << e.kind << " " << name;
    }
  }
}

TEST(OpFactory, OneNumberStandsForBothSidesOfAWindow) {
  const auto pool = make_op("max_pool2d", {{"size", int64_t{2}}});
  EXPECT_EQ(*find(pool->attributes(), "size"), Attribute(Ints{2, 2}));
  EXPECT_EQ(*find(pool->attributes(), "stride"), Attribute(Ints{2, 2}));
  const auto conv =
      make_op("conv2d", {{"filters", int64_t{1}}, {"kernel", "3x5"}, {"padding", "same"}});
  EXPECT_EQ(*find(conv->attributes(), "kernel"), Attribute(Ints{3, 5}));
  EXPECT_EQ(*find(conv->attributes(), "padding"), Attribute(Ints{1, 2}));
}

TEST(OpFactory, UnknownKindNamesTheNearest) {
  expect_error<ConfigError>([] { make_op("conv2", {}); }, "unknown op conv2",
                            "did you mean conv2d?");
  expect_error<ConfigError>([] { make_op("quantum_layer", {}); }, "unknown op quantum_layer");
}

TEST(OpFactory, UnknownAttributeNamesTheNearest) {
  expect_error<ConfigError>(
      [] {
        make_op("conv2d", {{"filters", int64_t{4}}, {"kernel", int64_t{3}}, {"strid", int64_t{2}}});
      },
      "conv2d: unknown attribute strid", "did you mean stride?");
  expect_error<ConfigError>(
      [] {
        make_op("relu", {{"alpha", 0.1}});
      },
      "relu: unknown attribute alpha");
}

struct Refusal {
  std::string kind;
  Attributes attributes;
  std::string message, hint;
};

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, NamesAttributeValueAndExpectation) {
  const Refusal& r = GetParam();
  expect_error<ConfigError>([&] { make_op(r.kind, r.attributes); }, r.message, r.hint);
}

const std::string kInitHint =
    "one of pytorch, zeros, ones, constant:V, normal:STD, uniform:A, kaiming_uniform, "
    "kaiming_normal, "
    "xavier_uniform, xavier_normal, truncated_normal:STD";

INSTANTIATE_TEST_SUITE_P(
    Attributes, Refused,
    testing::Values(
        Refusal{"dense", {}, "dense: units is missing", "add units="},
        Refusal{"conv2d", {{"filters", int64_t{1}}}, "conv2d: kernel is missing", "add kernel="},
        Refusal{"max_pool2d", {}, "max_pool2d: size is missing", "add size="},
        Refusal{"reshape", {}, "reshape: shape is missing", "add shape="},
        Refusal{"sigmoid_cross_entropy",
                {},
                "sigmoid_cross_entropy: targets is missing",
                "add targets="},
        Refusal{
            "dense", {{"units", int64_t{0}}}, "dense: units is 0, expected an integer >= 1", ""},
        Refusal{"dense", {{"units", 2.5}}, "dense: units is 2.5, expected an integer >= 1", ""},
        Refusal{"dense",
                {{"units", int64_t{2}}, {"bias", int64_t{2}}},
                "dense: bias is 2, expected 0 or 1",
                ""},
        Refusal{"dense",
                {{"units", int64_t{2}}, {"activation", "gelu"}},
                "dense: activation is gelu, expected one of none, relu, leaky_relu, sigmoid, tanh",
                ""},
        Refusal{"dense",
                {{"units", int64_t{2}}, {"init", "magic"}},
                "dense: init is magic, which is no initializer",
                kInitHint},
        Refusal{"dense",
                {{"units", int64_t{2}}, {"bias_init", "constant:x"}},
                "dense: bias_init is constant:x, which is no initializer",
                kInitHint},
        Refusal{"dense",
                {{"units", int64_t{2}}, {"init", int64_t{3}}},
                "dense: init is 3, expected a text",
                ""},
        Refusal{"conv2d",
                {{"filters", int64_t{1}}, {"kernel", "3xa"}},
                "conv2d: kernel is 3xa, expected one or two integers >= 1, as in 3 or 3x5",
                ""},
        Refusal{"conv2d",
                {{"filters", int64_t{1}}, {"kernel", Ints{3, 3, 3}}},
                "conv2d: kernel is 3,3,3, expected one or two integers >= 1, as in 3 or 3x5",
                ""},
        Refusal{"conv2d",
                {{"filters", int64_t{1}}, {"kernel", int64_t{2}}, {"padding", "same"}},
                "conv2d: padding is same, but kernel 2 cannot be centred",
                "choose an odd kernel or give padding as a number"},
        Refusal{"max_pool2d",
                {{"size", int64_t{2}}, {"padding", int64_t{2}}},
                "max_pool2d: padding 2 is more than half of size 2",
                "a window must not lie in the padding alone"},
        Refusal{"max_pool2d",
                {{"size", int64_t{17}}},
                "max_pool2d: size 17 has more than 256 values",
                "pool in two layers"},
        Refusal{"batch_norm",
                {{"stats", "local"}},
                "batch_norm: stats is local, expected one of global, shard",
                ""},
        Refusal{
            "batch_norm", {{"momentum", 1.5}}, "batch_norm: momentum is 1.5, expected 0 to 1", ""},
        Refusal{
            "batch_norm", {{"epsilon", 0.0}}, "batch_norm: epsilon is 0, expected more than 0", ""},
        Refusal{"layer_norm",
                {{"epsilon", -1.0}},
                "layer_norm: epsilon is -1, expected more than 0",
                ""},
        Refusal{"dropout",
                {{"p", 1.0}},
                "dropout: p is 1, expected 0 <= p < 1",
                "p is the share of values that are dropped"},
        Refusal{"dropout", {{"p", "half"}}, "dropout: p is half, expected a number", ""},
        Refusal{"leaky_relu",
                {{"alpha", 0.0}},
                "leaky_relu: alpha is 0, expected a slope above 0",
                "relu is the slope 0"},
        Refusal{"gelu",
                {{"approximate", "erf"}},
                "gelu: approximate is erf, expected one of none, tanh",
                ""},
        Refusal{"reshape",
                {{"shape", Ints{2, -1, -1}}},
                "reshape: shape is 2x-1x-1, expected one to three positive extents",
                "one of them may be -1: what is left over"},
        Refusal{"reshape",
                {{"shape", "2x2"}},
                "reshape: shape is 2x2, expected a list of integers",
                ""},
        Refusal{
            "to_logical", {{"shape", Ints{2, 3}}}, "to_logical: shape is 2x3, expected CxHxW", ""},
        Refusal{"add", {{"inputs", int64_t{1}}}, "add: inputs is 1, expected an integer >= 2", ""},
        Refusal{"slice", {{"begin", int64_t{0}}}, "slice: count is missing", "add count="},
        Refusal{"slice",
                {{"begin", int64_t{-1}}, {"count", int64_t{1}}},
                "slice: begin is -1, expected an integer >= 0",
                ""},
        Refusal{"slice",
                {{"begin", int64_t{0}}, {"count", int64_t{0}}},
                "slice: count is 0, expected an integer >= 1",
                ""},
        Refusal{"softmax_cross_entropy",
                {{"label_smoothing", 1.0}},
                "softmax_cross_entropy: label_smoothing is 1, expected 0 <= s < 1",
                ""},
        Refusal{"softmax_cross_entropy",
                {{"class_weights", std::vector<double>{1, -2}}},
                "softmax_cross_entropy: class weight -2 is negative",
                ""},
        Refusal{"softmax_cross_entropy",
                {{"class_weights", "1,2"}},
                "softmax_cross_entropy: class_weights is 1,2, expected a list of numbers",
                ""},
        Refusal{"sigmoid_cross_entropy",
                {{"positive_weight", 0.0}, {"targets", "labels"}},
                "sigmoid_cross_entropy: positive_weight is 0, expected more than 0",
                ""},
        Refusal{"huber", {{"delta", 0.0}}, "huber: delta is 0, expected more than 0", ""},
        Refusal{"hinge", {{"margin", -1.0}}, "hinge: margin is -1, expected 0 or more", ""}));

}  // namespace
}  // namespace trireme::test
