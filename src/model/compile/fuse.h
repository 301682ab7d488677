#pragma once
// First step of a compilation: which ops run, fused where one kernel can do the work of several.

#include <memory>
#include <vector>

#include "model/graph.h"

namespace trireme {

// One op to run. Values are named by the node that produced them, views resolved to what they view.
struct FusedOp {
  std::shared_ptr<const Op> op;
  NodeId node = -1;                 // names it: parameters, random numbers, messages
  std::vector<NodeId> inputs;       // values
  std::vector<NodeId> input_nodes;  // the same before views were resolved: shapes
  NodeId output = -1;
  std::vector<int> params, state;
};

// In an order that runs. Rules: dense or conv2d + activation; batch_norm (+ add) (+ relu). An
// intermediate value that anybody else reads, or that is the graph's output, is not fused away.
// Views disappear.
std::vector<FusedOp> fuse(const Graph& graph, bool with_losses);

// The value that holds `node`'s bytes.
NodeId resolve_view(const Graph& graph, NodeId node);

}  // namespace trireme
