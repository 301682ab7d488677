#include "model/summary.h"

#include <gtest/gtest.h>

#include "model/build.h"

namespace trireme {
namespace {

TEST(Summary, HasALineForEachLayerAndTheTotals) {
  Graph graph;
  const NodeId x = graph.add_input("input", {3, 4, 4});
  const NodeId c = graph.add(
      "c1",
      make_op("conv2d", {{"filters", int64_t{2}}, {"kernel", int64_t{3}}, {"padding", int64_t{1}}}),
      {x});
  const NodeId n = graph.add("bn", make_op("batch_norm", {}), {c});
  graph.add("sum", make_op("add", {}), {n, c});
  graph.freeze(std::vector<Graph::SlotRule>{{"c1.*", 1, 1, true}});
  EXPECT_EQ(
      summary(graph),
      "layer  op          from    shape  parameters  MFLOP\n"
      "input  input               3x4x4\n"
      "c1     conv2d              2x4x4          56  0.002\n"
      "bn     batch_norm          2x4x4           4  0.000\n"
      "sum    add         bn, c1  2x4x4              0.000\n"
      "60 parameters (4 trained), 240 B; 4 running statistics; 0.002016 MFLOP a sample, forward\n");
}

}  // namespace
}  // namespace trireme
