// Gradients where branches meet: convolutions, whose library only sets, leave their part to the
// batch norm that they read, instead of adding it in a pass of its own.
#include <gtest/gtest.h>

#include <cmath>

#include "model/build.h"
#include "model/ops/model_run.h"

namespace trireme::test {
namespace {

int additions = 0;
int in_place = 0;  // batch norms that leave a gradient where that of their output was

const KernelTable& counting_table() {
  static const KernelTable table = [] {
    KernelTable t = cpu_kernels();
    t.accumulate = [](Stream* stream, int64_t n, const Element* x, Element* y) noexcept {
      ++additions;
      return cpu_kernels().accumulate(stream, n, x, y);
    };
    t.batch_norm_backward_sums = [](auto stream, auto rows, auto channels, auto x, auto y, auto dy,
                                    auto more, auto mean, auto rstd, auto gamma, auto beta,
                                    auto act, auto g, auto sums, auto scratch, auto to) noexcept {
      in_place += g == dy;
      return cpu_kernels().batch_norm_backward_sums(stream, rows, channels, x, y, dy, more, mean,
                                                    rstd, gamma, beta, act, g, sums, scratch, to);
    };
    t.batch_norm_backward = [](auto stream, auto rows, auto channels, auto x, auto y, auto dy,
                               auto mean, auto rstd, auto gamma, auto beta, auto mean_g,
                               auto mean_gx, auto act, auto dx, auto dx_write, auto daddend,
                               auto daddend_write) noexcept {
      in_place += dx == dy;
      return cpu_kernels().batch_norm_backward(stream, rows, channels, x, y, dy, mean, rstd, gamma,
                                               beta, mean_g, mean_gx, act, dx, dx_write, daddend,
                                               daddend_write);
    };
    return t;
  }();
  return table;
}

// A convolution; behind a pool of one element, which changes no bit, what it reads is the pool's.
NodeId conv(Graph& graph, const std::string& name, NodeId x, bool behind_a_pool) {
  if (behind_a_pool)
    x = graph.add(name + ".one", make_op("avg_pool2d", {{"size", int64_t{1}}}), {x});
  return graph.add(
      name,
      make_op("conv2d", {{"filters", int64_t{3}}, {"kernel", int64_t{3}}, {"padding", int64_t{1}}}),
      {x});
}

NodeId normalised(Graph& graph, const std::string& name, NodeId x) {
  return graph.add(name, make_op("batch_norm", {{"stats", "global"}}), {x});
}

NodeId relu(Graph& graph, const std::string& name, NodeId x) {
  return graph.add(name, make_op("relu", {}), {x});
}

// A stem, two residual blocks and one whose two branches are convolutions.
std::unique_ptr<Graph> residual(bool pools) {
  auto graph = std::make_unique<Graph>();
  NodeId x = graph->add_input("x", {2, 4, 4});
  x = relu(*graph, "r0", normalised(*graph, "n0", conv(*graph, "c0", x, false)));
  for (const std::string block : {"1", "2", "3"}) {
    NodeId branch = normalised(*graph, "n" + block, conv(*graph, "c" + block, x, pools));
    NodeId other = x;
    if (block == "3") other = normalised(*graph, "m3", conv(*graph, "d3", x, pools));
    x = relu(*graph, "r" + block, graph->add("a" + block, make_op("add", {}), {branch, other}));
  }
  x = graph->add("flat", make_op("flatten", {}), {x});
  graph->add_loss("loss", make_op("mse", {}), {x}, "target", 1);
  graph->freeze();
  return graph;
}

std::vector<float> wave(size_t count, float scale) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = scale * std::sin(1.7f * static_cast<float>(i + 1));
  return values;
}

// One step of a graph of one sample, for what it calls of the table.
void step_counted(const Graph& graph) {
  ModelRun run(graph, 1, 1, false, Mode::training, counting_table());
  run.set_field("x", wave(32, 1));
  run.set_field("target", wave(48, 2));
  run.step();
}

std::vector<float> gradients(const Graph& graph, int leaves) {
  ModelRun run(graph, 4 / leaves, leaves, false, Mode::training, counting_table());
  for (const Slot& slot : graph.params().slots())
    run.set_logical(slot.name, wave(static_cast<size_t>(slot.count), 0.5f));
  run.set_field("x", wave(4 * 32, 1));
  run.set_field("target", wave(4 * 48, 2));
  run.step();
  run.step();  // nothing is left from the first
  std::vector<float> all;
  for (const char* slot :
       {"c0.weight", "n0.bias", "c1.weight", "n1.weight", "c2.weight", "d3.bias"})
    for (float v : run.logical_gradient(slot)) all.push_back(v);
  return all;
}

TEST(Branches, AreAddedUpByTheBatchNormTheyCameFromWithTheSameBits) {
  const auto graph = residual(false), reference = residual(true);
  for (const int leaves : {1, 2}) {
    additions = 0;
    const std::vector<float> apart = gradients(*graph, leaves);
    EXPECT_EQ(additions, 0);
    EXPECT_EQ(apart, gradients(*reference, leaves));
    for (float v : apart) ASSERT_TRUE(std::isfinite(v));
  }
}

// The residual graph has five batch norms; the stem's adds up two parts in place besides.
TEST(Branches, LeaveTheGradientOfWhatABatchNormReadsWhereThatOfItsOutputWas) {
  const auto graph = residual(false);
  in_place = 0;
  gradients(*graph, 1);
  EXPECT_EQ(in_place, 2 * (5 + 1));  // in each of two steps
}

// What somebody else reads as well is added to, and nothing of it may be overwritten.
TEST(Branches, LeaveAGradientAloneThatABatchNormIsNotTheFirstToWrite) {
  Graph graph;
  const NodeId x = graph.add_input("x", {2, 4, 4});
  const NodeId stem = conv(graph, "c0", x, false);
  const NodeId sum =
      graph.add("a", make_op("add", {}), {relu(graph, "r0", normalised(graph, "n0", stem)), stem});
  graph.add_loss("loss", make_op("mse", {}), {graph.add("flat", make_op("flatten", {}), {sum})},
                 "target", 1);
  graph.freeze();
  in_place = 0;
  step_counted(graph);
  EXPECT_EQ(in_place, 0);
}

// Nothing but a batch norm takes parts.
TEST(Branches, OfAnotherLayerAreAddedInAPassOfTheirOwn) {
  Graph graph;
  const NodeId x = graph.add_input("x", {2, 4, 4});
  const NodeId stem = relu(graph, "r0", conv(graph, "c0", x, false));
  const NodeId sum = graph.add("a", make_op("add", {}),
                               {conv(graph, "c1", stem, false), conv(graph, "c2", stem, false)});
  graph.add_loss("loss", make_op("mse", {}), {graph.add("flat", make_op("flatten", {}), {sum})},
                 "target", 1);
  graph.freeze();
  additions = 0;
  step_counted(graph);
  EXPECT_EQ(additions, 1);
}

}  // namespace
}  // namespace trireme::test
