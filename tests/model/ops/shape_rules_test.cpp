#include <gtest/gtest.h>

#include "model/build.h"
#include "model/ops/expect_error.h"

namespace trireme::test {
namespace {

using Ints = std::vector<int64_t>;
using Shapes = std::vector<Shape>;

struct Rule {
  std::string kind;
  Attributes attributes;
  Shapes inputs;
  Shape output;
};

class Infers : public testing::TestWithParam<Rule> {};

TEST_P(Infers, TheOutputShape) {
  const Rule& r = GetParam();
  EXPECT_EQ(make_op(r.kind, r.attributes)->infer(r.inputs).str(), r.output.str()) << r.kind;
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Infers,
    testing::Values(
        Rule{"dense", {{"units", int64_t{3}}}, {{5}}, {3}},
        Rule{"dense", {{"units", int64_t{3}}}, {{7, 5}}, {7, 3}},
        Rule{"conv2d",
             {{"filters", int64_t{6}}, {"kernel", int64_t{5}}, {"padding", int64_t{2}}},
             {{1, 28, 28}},
             {6, 28, 28}},
        Rule{"conv2d", {{"filters", int64_t{6}}, {"kernel", Ints{3, 5}}}, {{2, 8, 9}}, {6, 6, 5}},
        Rule{"conv2d",
             {{"filters", int64_t{64}},
              {"kernel", int64_t{7}},
              {"stride", int64_t{2}},
              {"padding", int64_t{3}}},
             {{3, 224, 224}},
             {64, 112, 112}},
        Rule{"conv2d",
             {{"filters", int64_t{4}},
              {"kernel", int64_t{3}},
              {"stride", int64_t{2}},
              {"padding", "same"}},
             {{2, 7, 8}},
             {4, 4, 4}},
        Rule{"conv2d",
             {{"filters", int64_t{4}}, {"kernel", int64_t{3}}, {"dilation", int64_t{2}}},
             {{2, 7, 8}},
             {4, 3, 4}},
        Rule{"conv2d",
             {{"filters", int64_t{8}}, {"kernel", int64_t{3}}, {"groups", int64_t{4}}},
             {{4, 5, 5}},
             {8, 3, 3}},
        Rule{"max_pool2d", {{"size", int64_t{2}}}, {{6, 7, 8}}, {6, 3, 4}},
        Rule{"max_pool2d",
             {{"size", int64_t{3}}, {"stride", int64_t{2}}, {"padding", int64_t{1}}},
             {{64, 112, 112}},
             {64, 56, 56}},
        Rule{"avg_pool2d", {{"size", Ints{2, 3}}, {"stride", int64_t{1}}}, {{6, 7, 8}}, {6, 6, 6}},
        Rule{"global_avg_pool", {}, {{6, 7, 8}}, {6}},
        Rule{"batch_norm", {}, {{6, 7, 8}}, {6, 7, 8}},
        Rule{"batch_norm", {{"addend", int64_t{1}}}, {{6}, {6}}, {6}},
        Rule{"layer_norm", {}, {{4, 6}}, {4, 6}}, Rule{"dropout", {}, {{6, 7, 8}}, {6, 7, 8}},
        Rule{"flatten", {}, {{6, 7, 8}}, {336}}, Rule{"flatten", {}, {{4, 6}}, {24}},
        Rule{"reshape", {{"shape", Ints{1, 8, 8}}}, {{64}}, {1, 8, 8}},
        Rule{"reshape", {{"shape", Ints{4, -1}}}, {{64}}, {4, 16}},
        Rule{"to_logical", {{"shape", Ints{2, 3, 4}}}, {{24}}, {24}},
        Rule{"add", {}, {{6, 7, 8}, {6, 7, 8}}, {6, 7, 8}},
        Rule{"add", {{"inputs", int64_t{3}}}, {{4}, {4}, {4}}, {4}},
        Rule{"concat", {}, {{6, 7, 8}, {2, 7, 8}, {1, 7, 8}}, {9, 7, 8}},
        Rule{"concat", {}, {{4}, {3}}, {7}}, Rule{"concat", {}, {{5, 4}, {5, 3}}, {5, 7}},
        Rule{"slice", {{"begin", int64_t{1}}, {"count", int64_t{5}}}, {{6, 7, 8}}, {5, 7, 8}},
        Rule{"slice", {{"begin", int64_t{2}}, {"count", int64_t{1}}}, {{4, 3}}, {4, 1}},
        Rule{"slice", {{"begin", int64_t{0}}, {"count", int64_t{64}}}, {{64}}, {64}},
        Rule{"softmax", {}, {{6, 7, 8}}, {6, 7, 8}}, Rule{"gelu", {}, {{4, 6}}, {4, 6}},
        Rule{"softmax_cross_entropy", {}, {{10}}, {}}, Rule{"hinge", {}, {{1}}, {}}));

struct Misfit {
  std::string kind;
  Attributes attributes;
  Shapes inputs;
  std::string message, hint;
};

class Misfits : public testing::TestWithParam<Misfit> {};

TEST_P(Misfits, AreNamedWithBothValuesAndAHint) {
  const Misfit& m = GetParam();
  const auto op = make_op(m.kind, m.attributes);
  expect_error<ShapeError>([&] { op->infer(m.inputs); }, m.message, m.hint);
}

const std::string kNeedsFlat = "put a flatten or global_avg_pool before it";
const std::string kNeedsImage =
    "set data.channels, data.height and data.width, or put a reshape before it";
const std::string kFrom = "name the inputs with from=A,B";
const std::string kLossFlat = "put a flatten, global_avg_pool or dense before the loss";

INSTANTIATE_TEST_SUITE_P(
    Shapes, Misfits,
    testing::Values(
        Misfit{"dense",
               {{"units", int64_t{3}}},
               {{1, 28, 28}},
               "dense: needs features F or rows TxC, got 1x28x28",
               kNeedsFlat},
        Misfit{"dense", {{"units", int64_t{3}}}, {{4}, {4}}, "dense: takes 1 input, got 2", kFrom},
        Misfit{"conv2d",
               {{"filters", int64_t{3}}, {"kernel", int64_t{5}}},
               {{1, 3, 3}},
               "conv2d: kernel 5x5 does not fit the input 3x3 with padding 0",
               "lower kernel or raise padding"},
        Misfit{"conv2d",
               {{"filters", int64_t{3}},
                {"kernel", Ints{2, 3}},
                {"dilation", Ints{1, 3}},
                {"padding", Ints{0, 1}}},
               {{1, 4, 4}},
               "conv2d: kernel 2x3 of dilation 1x3 does not fit the input 4x4 with padding 0x1",
               "lower kernel or raise padding"},
        Misfit{"conv2d",
               {{"filters", int64_t{3}}, {"kernel", int64_t{5}}},
               {{784}},
               "conv2d: needs an image CxHxW, got 784",
               kNeedsImage},
        Misfit{"conv2d",
               {{"filters", int64_t{4}}, {"kernel", int64_t{1}}, {"groups", int64_t{4}}},
               {{3, 4, 4}},
               "conv2d: 3 input channels are no multiple of groups 4",
               "groups must divide the input's channels and filters"},
        Misfit{"conv2d",
               {{"filters", int64_t{6}}, {"kernel", int64_t{1}}, {"groups", int64_t{4}}},
               {{4, 4, 4}},
               "conv2d: 6 filters are no multiple of groups 4",
               "groups must divide the input's channels and filters"},
        Misfit{"max_pool2d",
               {{"size", int64_t{4}}},
               {{6, 3, 5}},
               "max_pool2d: size 4x4 does not fit the input 3x5 with padding 0",
               "lower size or raise padding"},
        Misfit{"avg_pool2d",
               {{"size", int64_t{2}}},
               {{6, 3}},
               "avg_pool2d: needs an image CxHxW, got 6x3",
               kNeedsImage},
        Misfit{"global_avg_pool",
               {},
               {{6}},
               "global_avg_pool: needs an image CxHxW, got 6",
               kNeedsImage},
        Misfit{"batch_norm",
               {},
               {{4, 6}},
               "batch_norm: needs an image CxHxW or features F, got 4x6",
               "layer_norm works on rows TxC"},
        Misfit{"layer_norm",
               {},
               {{6, 7, 8}},
               "layer_norm: needs features F or rows TxC, got 6x7x8",
               kNeedsFlat},
        Misfit{"reshape",
               {{"shape", Ints{5, -1}}},
               {{64}},
               "reshape: 64 values do not fit 5x-1",
               "the product of shape's extents must be the number of input values"},
        Misfit{"reshape",
               {{"shape", Ints{64}}},
               {{1, 8, 8}},
               "reshape: the input is an image 1x8x8",
               "put a flatten before it"},
        Misfit{"to_logical",
               {{"shape", Ints{2, 3, 4}}},
               {{25}},
               "to_logical: 25 is no image 2x3x4",
               ""},
        Misfit{"add",
               {},
               {{4}, {5}},
               "add: inputs differ, 4 and 5",
               "a 1x1 conv2d or a dense brings them to one shape"},
        Misfit{"add", {}, {{4}}, "add: takes 2 inputs, got 1", kFrom},
        Misfit{"concat", {}, {{4}}, "concat: takes two inputs or more, got 1", kFrom},
        Misfit{"concat",
               {},
               {{2, 4, 4}, {2, 4, 5}},
               "concat: 2x4x4 and 2x4x5 differ beside the joined axis 0",
               "images join along channels, features end to end"},
        Misfit{"concat",
               {},
               {{4}, {2, 4}},
               "concat: 4 and 2x4 differ beside the joined axis 0",
               "images join along channels, features end to end"},
        Misfit{"slice",
               {{"begin", int64_t{60}}, {"count", int64_t{5}}},
               {{64}},
               "slice: 5 values from 60 on do not fit into 64 of the input 64",
               "begin + count is at most the number of channels or features"},
        Misfit{"slice",
               {{"begin", int64_t{9}}, {"count", int64_t{1}}},
               {{2, 8}},
               "slice: 1 values from 9 on do not fit into 8 of the input 2x8",
               "begin + count is at most the number of channels or features"},
        Misfit{"mse", {}, {{2, 3}}, "mse: needs outputs K per sample, got 2x3", kLossFlat},
        Misfit{"softmax_cross_entropy",
               {},
               {{1}},
               "softmax_cross_entropy: needs two outputs or more, got 1",
               "sigmoid_cross_entropy takes one output"},
        Misfit{"softmax_cross_entropy",
               {{"class_weights", std::vector<double>{1, 2}}},
               {{3}},
               "softmax_cross_entropy: 2 class weights for 3 outputs",
               "class_weights needs one number for each class"},
        Misfit{"sigmoid_cross_entropy",
               {{"targets", "labels"}},
               {{2}},
               "sigmoid_cross_entropy: class labels need one output, got 2",
               "softmax_cross_entropy takes one output for each class"}));

}  // namespace
}  // namespace trireme::test
