// Forward passes that begin before all weights are there.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "model/build.h"
#include "model/ops/model_run.h"

namespace trireme::test {
namespace {

std::vector<float> wave(size_t count, float scale = 1) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = scale * std::sin(1.7f * static_cast<float>(i + 1));
  return values;
}

NodeId dense(Graph& graph, const std::string& name, int64_t units, NodeId x) {
  return graph.add(name, make_op("dense", {{"units", units}, {"activation", std::string("relu")}}),
                   {x});
}

// The way around reads weights that lie before those of the long way, and is used after them.
std::unique_ptr<Graph> two_ways() {
  auto graph = std::make_unique<Graph>();
  const NodeId x = graph->add_input("x", {20});
  const NodeId around = dense(*graph, "around", 16, x);
  NodeId y = dense(*graph, "first", 24, x);
  y = dense(*graph, "second", 16, y);
  y = graph->add("sum", make_op("add", {}), {y, around});
  y = graph->add("last", make_op("dense", {{"units", int64_t{4}}}), {y});
  graph->add_loss("loss", make_op("mse", {}), {y}, "target", 1);
  graph->freeze();
  return graph;
}

// Of several segments.
std::unique_ptr<Graph> normalised() {
  auto graph = std::make_unique<Graph>();
  NodeId x = graph->add_input("x", {2, 6, 6});
  for (const std::string name : {"a", "b"}) {
    x = graph->add("conv_" + name,
                   make_op("conv2d", {{"filters", int64_t{8}}, {"kernel", int64_t{3}}}), {x});
    x = graph->add("norm_" + name, make_op("batch_norm", {{"stats", "global"}}), {x});
  }
  x = graph->add("flat", make_op("flatten", {}), {x});
  x = graph->add("out", make_op("dense", {{"units", int64_t{4}}}), {x});
  graph->add_loss("loss", make_op("mse", {}), {x}, "target", 1);
  graph->freeze();
  return graph;
}

// Weights that come when they are needed, and not before.
class LateWeights final : public WeightGate {
 public:
  LateWeights(ModelRun& run, std::vector<float> weights)
      : run_(run), weights_(std::move(weights)), have_(static_cast<int64_t>(weights_.size())) {}
  void need(int64_t from) override {
    asked_.push_back(from);
    if (from >= have_) return;
    std::copy(weights_.begin() + from, weights_.begin() + have_, run_.params().begin() + from);
    for (int64_t i = 0; i < run_.program().packs(); ++i)
      if (const int64_t at = run_.program().pack_from(i); at >= from && at < have_) run_.pack(i);
    have_ = from;
  }
  const std::vector<int64_t>& asked() const { return asked_; }

 private:
  ModelRun& run_;
  const std::vector<float> weights_;
  int64_t have_;
  std::vector<int64_t> asked_;
};

void set_batch(ModelRun& run, const Graph& graph, int64_t samples) {
  const auto width = static_cast<size_t>(graph.node(graph.output()).shape.elements());
  run.set_field("x", wave(static_cast<size_t>(samples * graph.node(0).shape.elements())));
  run.set_field("target", wave(static_cast<size_t>(samples) * width, 2));
}

TEST(WeightGate, IsAskedBeforeAnyWeightIsRead) {
  for (const auto& graph : {two_ways(), normalised()})
    for (const int leaves : {1, 2}) {
      constexpr int64_t kSamples = 5;
      ModelRun plain(*graph, kSamples, leaves), late(*graph, kSamples, leaves);
      set_batch(plain, *graph, kSamples * leaves);
      set_batch(late, *graph, kSamples * leaves);
      plain.params() = wave(plain.params().size(), 0.5f);
      plain.step();
      LateWeights gate(late, plain.params());
      std::ranges::fill(late.params(), std::numeric_limits<float>::quiet_NaN());
      late.set_gate(&gate);
      late.step();
      EXPECT_EQ(late.output(), plain.output());
      EXPECT_EQ(late.gradients(), plain.gradients());
      EXPECT_EQ(late.state(), plain.state());
      EXPECT_GT(gate.asked().front(), 0);
      EXPECT_EQ(gate.asked().back(), 0);
    }
}

TEST(WeightGate, IsAskedForLessAndLessOfTheIndexSpace) {
  const auto graph = two_ways();
  ModelRun run(*graph, 3);
  set_batch(run, *graph, 3);
  LateWeights gate(run, wave(run.params().size(), 0.5f));
  run.set_gate(&gate);
  run.step();
  EXPECT_TRUE(std::ranges::is_sorted(gate.asked(), std::greater<>()));
  const auto begin = [&](const char* slot) { return graph->params().find(slot)->offset; };
  EXPECT_EQ(gate.asked().front(), begin("around.weight"));
  EXPECT_LT(begin("last.weight"), begin("second.weight"));
  EXPECT_LT(begin("second.weight"), gate.asked().front());
}

}  // namespace
}  // namespace trireme::test
