// Frozen parameters, inference, dropout, shard statistics, several losses, labels out of range.
#include <gtest/gtest.h>

#include <cmath>

#include "model/build.h"
#include "model/ops/expect_error.h"
#include "model/ops/model_run.h"

namespace trireme::test {
namespace {

std::vector<float> ramp(size_t count, float scale = 1) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = scale * std::sin(1.7f * static_cast<float>(i + 1));
  return values;
}

void fill(ModelRun& run, const Graph& graph) {
  for (const Slot& slot : graph.params().slots())
    run.set_logical(slot.name, ramp(static_cast<size_t>(slot.count), 0.5f));
}

struct FrozenCase {
  std::string kind;
  Attributes attributes;
  Shape input;
};

std::unique_ptr<Graph> behind_a_layer(const FrozenCase& c, const std::string& frozen) {
  auto graph = std::make_unique<Graph>();
  NodeId x = graph->add_input("x", c.input);
  const bool image = c.input.rank() == 3;
  x = graph->add("in",
                 image ? make_op("conv2d", {{"filters", c.input[0]}, {"kernel", int64_t{1}}})
                       : make_op("dense", {{"units", c.input[0]}}),
                 {x});
  NodeId y = graph->add("a", make_op(c.kind, c.attributes), {x});
  if (graph->node(y).shape.rank() == 3) y = graph->add("flat", make_op("flatten", {}), {y});
  graph->add_loss("loss", make_op("mse", {}), {y}, "target", 1);
  const std::vector<Graph::SlotRule> rules{{frozen, 1, 1, true}};
  graph->freeze(frozen.empty() ? std::span<const Graph::SlotRule>{} : rules);
  return graph;
}

std::unique_ptr<ModelRun> stepped(const Graph& graph) {
  constexpr int64_t kSamples = 3;
  auto run = std::make_unique<ModelRun>(graph, kSamples);
  fill(*run, graph);
  const auto width = static_cast<size_t>(graph.node(graph.output()).shape.elements());
  run->set_field("x", ramp(static_cast<size_t>(kSamples * graph.node(0).shape.elements())));
  run->set_field("target", ramp(kSamples * width, 2));
  run->step();
  return run;
}

TEST(Frozen, ParametersGetNoGradientAndChangeNoOther) {
  for (const FrozenCase& c :
       {FrozenCase{"dense", {{"units", int64_t{3}}}, {4}},
        FrozenCase{"conv2d",
                   {{"filters", int64_t{3}}, {"kernel", int64_t{2}}, {"activation", "tanh"}},
                   {2, 3, 4}},
        FrozenCase{"batch_norm", {}, {2, 3, 4}}, FrozenCase{"layer_norm", {}, {4}}}) {
    const auto graph = behind_a_layer(c, "");
    const auto all = stepped(*graph);
    for (const std::string frozen : {"a.weight", "a.bias", "a.*", "in.*"}) {
      const auto partly = behind_a_layer(c, frozen);
      const auto run = stepped(*partly);
      for (const Slot& slot : partly->params().slots()) {
        const auto ours = run->logical_gradient(slot.name),
                   theirs = all->logical_gradient(slot.name);
        for (size_t i = 0; i < ours.size(); ++i)  // a sum may go through another kernel
          EXPECT_NEAR(ours[i], slot.trainable ? theirs[i] : kGradientNoise, 1e-6)
              << c.kind << " " << frozen << " " << slot.name;
      }
    }
  }
}

TEST(Inference, BatchNormUsesRunningStatisticsAndDropoutDoesNothing) {
  Graph graph;
  const NodeId x = graph.add_input("x", {2, 1, 2});
  const NodeId norm = graph.add("n", make_op("batch_norm", {}), {x});
  graph.add("d", make_op("dropout", {{"p", 0.9}}), {norm});
  graph.freeze();
  ModelRun run(graph, 1, 1, false, Mode::inference);
  run.set_logical("n.weight", {2, 3});
  run.set_logical("n.bias", {10, 20});
  run.set_field("x", std::vector<float>{1, 2, 3, 4});
  const Slot* mean = graph.state().find("n.running_mean");
  const Slot* variance = graph.state().find("n.running_var");
  for (int64_t c = 0; c < 2; ++c) {
    run.state()[static_cast<size_t>(mean->offset + c)] = 1;
    run.state()[static_cast<size_t>(variance->offset + c)] = 4;
  }
  run.step();
  const std::vector<float> expected{10, 21.5f, 12, 24.5f};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(run.output()[i], expected[i], 1e-4);
}

TEST(Dropout, DropsOrScalesAndPassesTheGradientOfWhatItKept) {
  constexpr size_t kWidth = 400;
  Graph graph;
  const NodeId x = graph.add_input("x", {1});
  const NodeId a = graph.add("a", make_op("dense", {{"units", static_cast<int64_t>(kWidth)}}), {x});
  const NodeId d = graph.add("d", make_op("dropout", {{"p", 0.25}}), {a});
  graph.add_loss("loss", make_op("mse", {}), {d}, "target", 1);
  graph.freeze();
  ModelRun run(graph, 1);
  run.set_logical("a.weight", std::vector<float>(kWidth, 0));
  run.set_logical("a.bias", std::vector<float>(kWidth, 3));
  run.set_field("x", std::vector<float>{1});
  run.set_field("target", std::vector<float>(kWidth, 0));
  run.step();
  size_t kept = 0;
  const auto output = run.output(), gradient = run.logical_gradient("a.bias");
  for (size_t i = 0; i < kWidth; ++i) {
    if (output[i] != 0) ++kept;
    EXPECT_TRUE(output[i] == 0 || std::abs(output[i] - 4) < 1e-5f) << output[i];
    EXPECT_NEAR(gradient[i], 2 * output[i] / kWidth / 0.75f, 1e-6);
  }
  EXPECT_GT(kept, kWidth * 65 / 100);
  EXPECT_LT(kept, kWidth * 85 / 100);
}

std::unique_ptr<Graph> normalised(const std::string& stats) {
  auto graph = std::make_unique<Graph>();
  const NodeId x = graph->add_input("x", {2});
  const NodeId y = graph->add("n", make_op("batch_norm", {{"stats", stats}}), {x});
  graph->add_loss("loss", make_op("mse", {}), {y}, "target", 1);
  graph->freeze();
  return graph;
}

std::unique_ptr<ModelRun> normalised_run(const Graph& graph, int leaves, size_t first,
                                         size_t count) {
  const auto x = ramp(12), target = ramp(12, 3);
  const auto part = [&](const std::vector<float>& all) {
    return std::vector<float>(all.begin() + static_cast<long>(first),
                              all.begin() + static_cast<long>(first + count));
  };
  auto run = std::make_unique<ModelRun>(graph, static_cast<int64_t>(count) / 2 / leaves, leaves);
  fill(*run, graph);
  run->set_field("x", part(x));
  run->set_field("target", part(target));
  run->step();
  return run;
}

TEST(BatchNorm, OfAShardSeesItsLeafAloneButRunsTheWholeBatchsStatistics) {
  const auto shard = normalised("shard"), global = normalised("global");
  const auto cut = normalised_run(*shard, 2, 0, 12);
  const auto first = normalised_run(*global, 1, 0, 6), second = normalised_run(*global, 1, 6, 6);
  const auto whole = normalised_run(*global, 1, 0, 12);
  std::vector<float> apart = first->output();
  for (float v : second->output()) apart.push_back(v);
  EXPECT_EQ(cut->output(), apart);
  for (size_t i = 0; i < cut->gradients().size(); ++i)
    EXPECT_FLOAT_EQ(cut->gradients()[i], first->gradients()[i] + second->gradients()[i]);
  for (const Slot& slot : global->state().slots())
    for (size_t c = 0; c < 2; ++c)
      EXPECT_FLOAT_EQ(cut->logical_state(slot.name)[c], whole->logical_state(slot.name)[c])
          << slot.name;
}

TEST(BatchNorm, OfALeafThatIsTheWholeBatchIsTheSameToTheBitWithoutWaitingForOthers) {
  const auto graph = normalised("global");
  const auto synced = normalised_run(*graph, 1, 0, 12), alone = normalised_run(*graph, 1, 0, 12);
  alone->set_alone(true);
  alone->step();
  synced->step();
  EXPECT_EQ(alone->output(), synced->output());
  EXPECT_EQ(alone->gradients(), synced->gradients());
  EXPECT_EQ(alone->state(), synced->state());
}

// Two leaves: either is the whole batch only by its own account.
TEST(BatchNorm, OfALeafThatCallsItselfTheWholeBatchSeesNoOther) {
  const auto graph = normalised("global"), shard = normalised("shard");
  const auto alone = normalised_run(*graph, 2, 0, 12), cut = normalised_run(*shard, 2, 0, 12);
  EXPECT_NE(alone->output(), cut->output());
  alone->set_alone(true);
  alone->step();
  EXPECT_EQ(alone->output(), cut->output());
}

TEST(BatchNorm, RunningStatisticsStayWhereTheStepsScalarsSaySkip) {
  const auto graph = normalised("global");
  const auto run = normalised_run(*graph, 1, 0, 12);
  const std::vector<float> before = run->state();
  OptimizerScalars scalars{};
  scalars.skip = 1;
  run->set_scalars(&scalars);
  run->step();
  EXPECT_EQ(run->state(), before);
  scalars.skip = 0;
  run->step();
  EXPECT_NE(run->state(), before);
}

TEST(Loss, GradientsOfSeveralAddUpWithTheirWeights) {
  Graph graph;
  const NodeId x = graph.add_input("x", {1});
  const NodeId a =
      graph.add("a", make_op("dense", {{"units", int64_t{1}}, {"bias", int64_t{0}}}), {x});
  graph.add_loss("first", make_op("mse", {}), {a}, "target", 1);
  graph.add_loss("second", make_op("mse", {}), {a}, "target", 0.5f);
  graph.freeze();
  ModelRun run(graph, 1);
  run.set_logical("a.weight", {2});
  run.set_field("x", std::vector<float>{3});
  run.set_field("target", std::vector<float>{5});
  run.step();
  EXPECT_NEAR(run.loss(), 1.5, 1e-6);
  EXPECT_NEAR(run.logical_gradient("a.weight")[0], 1.5 * 2 * 3, 1e-5);
}

TEST(Loss, LabelOutOfRangeIsTheDatasFault) {
  for (const std::string kind : {"sigmoid_cross_entropy", "hinge"}) {
    Graph graph;
    const NodeId x = graph.add_input("x", {1});
    const NodeId a = graph.add("a", make_op("dense", {{"units", int64_t{1}}}), {x});
    const Attributes attributes =
        kind == "hinge" ? Attributes{} : Attributes{{"targets", "labels"}};
    graph.add_loss("loss", make_op(kind, attributes), {a}, "target", 1);
    graph.freeze();
    ModelRun run(graph, 2);
    run.set_field("x", std::vector<float>{1, 2});
    run.set_field("target", std::vector<int64_t>{1, 2});
    expect_error<DataError>(
        [&] { run.step(); },
        "layer loss: " + kind + " forward met a value out of range in its input",
        "check that every label lies in [0, classes)");
  }
}

}  // namespace
}  // namespace trireme::test
