#include <gtest/gtest.h>

#include "model/build/model_text.h"

namespace trireme {
namespace {

using namespace testing_model;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

const DataShape kDigits = images(1, 8, 8, 10);

TEST(BuildGraph, KeepsParameterNamesCleanWhenALayerHasAnActivation) {
  const auto graph = build(
      "layer = c1: conv2d filters=4 kernel=3 activation=relu\nlayer = flatten\n"
      "layer = out: dense units=10\nloss = softmax_cross_entropy",
      kDigits);
  EXPECT_THAT(slot_names(graph->params()),
              UnorderedElementsAre("c1.weight", "c1.bias", "out.weight", "out.bias"));
  EXPECT_EQ(graph->node(graph->find("c1_relu")).inputs.front(), graph->find("c1"));
  EXPECT_EQ(graph->node(graph->find("flatten_1")).inputs.front(), graph->find("c1_relu"));
}

TEST(BuildGraph, FromMeansTheActivatedOutput) {
  const auto graph = build(
      "layer = a: dense units=4 activation=tanh\nlayer = b: dense units=4 from=a\n"
      "layer = add from=a,b\nlayer = dense units=10\nloss = softmax_cross_entropy",
      features(8, 10));
  EXPECT_THAT(graph->node(graph->find("add_1")).inputs,
              ElementsAre(graph->find("a_tanh"), graph->find("b")));
}

TEST(BuildGraph, NumbersUnnamedLayersByOp) {
  const auto lines =
      expand_model(model_of("layer = dense units=4\nlayer = relu\nlayer = dense_2: dense units=3\n"
                            "layer = dense units=10\nloss = softmax_cross_entropy\nloss = hinge"),
                   features(8, 10));
  std::vector<std::string> names;
  for (const auto& line : lines.layers) names.push_back(line.name);
  EXPECT_THAT(names, ElementsAre("dense_1", "relu_1", "dense_2", "dense_3"));
  EXPECT_EQ(lines.losses[0].name, "loss");
  EXPECT_EQ(lines.losses[1].name, "loss_2");
}

TEST(BuildGraph, TakesTheInputFromTheDataOrFromItsLine) {
  const std::string rest = "layer = flatten\nlayer = dense units=10\nloss = softmax_cross_entropy";
  EXPECT_EQ(build(rest, kDigits)->node(0).shape, (Shape{1, 8, 8}));
  EXPECT_EQ(build(rest, kDigits)->node(0).name, "input");
  const auto named = build("input = pixels: 1x8x8\n" + rest, features(64, 10));
  EXPECT_EQ(named->node(0).shape, (Shape{1, 8, 8}));
  EXPECT_EQ(named->node(0).name, "pixels");
}

TEST(BuildGraph, SeveralInputsAreColumnsOfOneSample) {
  const auto graph = build(
      "input = left: 24\ninput = right: 2x4x5\nlayer = a: dense units=4 from=left\n"
      "layer = b: conv2d filters=4 kernel=4x5 from=right\nlayer = f: flatten\n"
      "layer = all: concat from=a,f,input\nlayer = dense units=10\nloss = softmax_cross_entropy",
      features(64, 10));
  EXPECT_THAT(graph->inputs(), ElementsAre(0));
  EXPECT_EQ(graph->node(0).name, "input");
  EXPECT_EQ(graph->node(0).shape, (Shape{64}));
  EXPECT_EQ(graph->node(graph->find("left")).shape, (Shape{24}));
  EXPECT_EQ(graph->node(graph->find("right")).shape, (Shape{2, 4, 5}));
  EXPECT_EQ(graph->node(graph->find("right_columns")).op->attributes(),
            (Attributes{{"begin", int64_t{24}}, {"count", int64_t{40}}}));
  EXPECT_EQ(graph->node(graph->find("all")).shape, (Shape{72}));
}

TEST(BuildGraph, DepthwiseConvolutionHasOneGroupPerChannel) {
  const auto graph = build(
      "layer = dw: depthwise_conv2d kernel=3x5 padding=1x2 multiplier=2\n"
      "layer = global_avg_pool\nlayer = dense units=2\nloss = softmax_cross_entropy",
      images(3, 9, 9, 2));
  EXPECT_EQ(graph->params().find("dw.weight")->logical, (Shape{6, 1, 3, 5}));
  EXPECT_EQ(graph->node(graph->find("dw")).shape, (Shape{6, 9, 9}));
}

TEST(BuildGraph, SharesWeightsByName) {
  const auto graph = build(
      "layer = a: dense units=8\nlayer = b: dense units=8 weight=a.weight\n"
      "layer = dense units=10\nloss = softmax_cross_entropy",
      features(8, 10));
  EXPECT_EQ(graph->params().find("b.weight"), nullptr);
  EXPECT_NE(graph->params().find("b.bias"), nullptr);
  EXPECT_EQ(graph->node(graph->find("a")).params[0], graph->node(graph->find("b")).params[0]);
}

TEST(BuildGraph, WeighsSeveralLosses) {
  const auto graph = build(
      "layer = a: dense units=4 activation=relu\nlayer = one: dense units=3\n"
      "layer = two: dense units=3 from=a\nloss = softmax_cross_entropy from=one\n"
      "loss = hinge from=two weight=0.25 squared=true",
      features(8, 3));
  ASSERT_EQ(graph->losses().size(), 2u);
  EXPECT_EQ(graph->node(graph->losses()[1]).loss_weight, 0.25f);
  EXPECT_EQ(graph->output(), graph->find("one"));
}

TEST(BuildGraph, BuildsEveryOpOfTheTable) {
  const auto graph = build(
      "layer = conv2d filters=4 kernel=3 padding=same init=kaiming_normal bias_init=constant:0.1 "
      "activation=silu\n"
      "layer = batch_norm stats=shard momentum=0.2 epsilon=1e-4\nlayer = leaky_relu alpha=0.2\n"
      "layer = a: maxpool2d size=2\nlayer = b: avgpool2d size=3 stride=2 padding=1 "
      "count_include_pad=false from=leaky_relu_1\n"
      "layer = concat from=a,b\nlayer = dropout p=0.1\nlayer = flatten\nlayer = gelu "
      "approximate=tanh\n"
      "layer = layer_norm epsilon=1e-6\nlayer = sigmoid\nlayer = tanh\nlayer = silu\nlayer = "
      "reshape shape=-1\n"
      "layer = softmax\nlayer = dense units=10 bias=false\n"
      "loss = softmax_cross_entropy label_smoothing=0.1 class_weights=1,1,1,1,1,2,2,2,2,2",
      kDigits);
  EXPECT_EQ(graph->node(graph->find("concat_1")).shape, (Shape{8, 4, 4}));
}

TEST(BuildGraph, BinaryLossesTakeOneLogit) {
  for (const char* loss : {"sigmoid_cross_entropy positive_weight=2", "hinge"})
    EXPECT_EQ(build_error("layer = dense units=1\nloss = " + std::string(loss), features(8, 2)), "")
        << loss;
  EXPECT_EQ(build_error("layer = dense units=3\nloss = sigmoid_cross_entropy", values(8, 3)), "");
  for (const char* loss : {"mse", "mae", "huber delta=2"})
    EXPECT_EQ(build_error("layer = dense units=3\nloss = " + std::string(loss), values(8, 3)), "")
        << loss;
}

TEST(BuildGraph, KerasInitializerReachesTheLayers) {
  ModelConfig model = model_of("layer = d: dense units=10\nloss = softmax_cross_entropy");
  model.initializer = "keras";
  const auto graph = build(model, features(8, 10));
  EXPECT_EQ(graph->params().find("d.weight")->init.kind, Init::xavier_uniform);
  EXPECT_EQ(graph->params().find("d.bias")->init.kind, Init::zeros);
}

TEST(BuildGraph, AppliesScalesAndFreezingToMatchingParameters) {
  Experiment experiment{};
  experiment.model =
      model_of("layer = a: dense units=4\nlayer = b: dense units=10\nloss = softmax_cross_entropy");
  experiment.optimizer.lr_scale = {{"a.*", 0.1}, {"*.weight", 3}};
  experiment.optimizer.decay_scale = {{"b.weight", 0.5}};
  experiment.train.freeze = {"a.bias"};
  const auto graph = build_graph(experiment, features(8, 10));
  EXPECT_FLOAT_EQ(graph->params().find("a.weight")->lr_scale, 0.1f);  // the first match counts
  EXPECT_FLOAT_EQ(graph->params().find("b.weight")->lr_scale, 3);
  EXPECT_FLOAT_EQ(graph->params().find("b.weight")->decay_scale, 0.5f);
  EXPECT_FALSE(graph->params().find("a.bias")->trainable);
  EXPECT_TRUE(graph->params().find("b.bias")->trainable);
}

TEST(BuildGraph, PatternsThatMatchNothingAreErrors) {
  Experiment experiment{};
  experiment.model = model_of("layer = a: dense units=10\nloss = softmax_cross_entropy");
  experiment.optimizer.lr_scale = {{"a.weigth", 0.1}};
  experiment.optimizer.decay_scale = {{"conv*", 0.1}};
  experiment.train.freeze = {"a.bia"};
  EXPECT_EQ(error_of([&] { build_graph(experiment, features(8, 10)); }),
            "optimizer.lr_scale: a.weigth matches no parameter (did you mean a.weight?)\n"
            "optimizer.decay_scale: conv* matches no parameter (known: a.weight, a.bias)\n"
            "train.freeze: a.bia matches no parameter (did you mean a.bias?)");
  experiment.resolved = {{"optimizer", "lr_scale", "a.weigth:0.1", "exp.ini:12"},
                         {"optimizer", "decay_scale", "conv*:0.1", "command line"},
                         {"train", "freeze", "a.bia", "default"}};
  EXPECT_EQ(
      error_of([&] { build_graph(experiment, features(8, 10)); }),
      "exp.ini:12: optimizer.lr_scale: a.weigth matches no parameter (did you mean a.weight?)\n"
      "command line: optimizer.decay_scale: conv* matches no parameter "
      "(known: a.weight, a.bias)\n"
      "train.freeze: a.bia matches no parameter (did you mean a.bias?)");
}

TEST(InitialValues, DependOnSeedAndNameAloneAndLeaveGapsZero) {
  const auto small =
      build("layer = a: dense units=3\nloss = softmax_cross_entropy", features(5, 3));
  const auto large = build(
      "layer = a: dense units=3 activation=relu\nlayer = batch_norm\nlayer = dense units=3\n"
      "loss = softmax_cross_entropy",
      features(5, 3));
  const auto values_of = [](const Graph& graph, uint64_t seed) {
    std::vector<float> params(static_cast<size_t>(graph.params().size()), 7.0f);
    std::vector<float> state(static_cast<size_t>(graph.state().size()), 7.0f);
    initial_values(graph, seed, params.data(), state.data());
    return std::pair(params, state);
  };
  const auto [params, none] = values_of(*small, 1);
  const auto [other, state] = values_of(*large, 1);
  const auto at = [](const Graph& g, const char* name) {
    return static_cast<size_t>(g.params().find(name)->offset);
  };
  for (size_t i = 0; i < 15; ++i)
    EXPECT_EQ(params[at(*small, "a.weight") + i], other[at(*large, "a.weight") + i]);
  EXPECT_EQ(params[at(*small, "a.weight") + 15], 0.0f);
  EXPECT_NE(params, values_of(*small, 2).first);
  const Slot* variance = large->state().find("batch_norm_1.running_var");
  ASSERT_NE(variance, nullptr);
  EXPECT_EQ(state[static_cast<size_t>(variance->offset)], 1.0f);
  EXPECT_EQ(state[static_cast<size_t>(large->state().find("batch_norm_1.running_mean")->offset)],
            0.0f);
}

}  // namespace
}  // namespace trireme
