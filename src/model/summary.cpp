#include "model/summary.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace trireme {
namespace {

struct Row {
  std::string name, op, from, shape, params, work;
};

int64_t elements_of(const ParamTable& table, const std::vector<int>& slots) {
  int64_t sum = 0;
  for (int slot : slots) sum += table.slots()[static_cast<size_t>(slot)].count;
  return sum;
}

double flops_of(const Graph& graph, const Node& node) {
  std::vector<Shape> shapes;
  for (NodeId id : node.inputs) shapes.push_back(graph.node(id).shape);
  return node.op ? node.op->cost(shapes).flops : 0;
}

// The names of the inputs; empty when it is the node above alone.
std::string inputs_of(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.inputs.size() == 1 && node.inputs.front() == id - 1) return {};
  std::vector<std::string> names;
  for (NodeId input : node.inputs) names.push_back(graph.node(input).name);
  return join(names, ", ");
}

Row row_of(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const int64_t params = elements_of(graph.params(), node.params);
  const double work = flops_of(graph, node);
  return {node.name,
          node.op ? std::string(node.op->kind()) : "input",
          inputs_of(graph, id),
          node.op && node.op->is_loss() ? "" : node.shape.str(),
          params > 0 ? fmt::format("{}", params) : "",
          work > 0 ? fmt::format("{:.3f}", work / 1e6) : ""};
}

}  // namespace

std::string summary(const Graph& graph) {
  std::vector<Row> rows = {{"layer", "op", "from", "shape", "parameters", "MFLOP"}};
  for (size_t id = 0; id < graph.nodes().size(); ++id)
    rows.push_back(row_of(graph, static_cast<NodeId>(id)));
  const auto widest = [&](std::string Row::*column) {
    size_t width = 0;
    for (const Row& row : rows) width = std::max(width, (row.*column).size());
    return width;
  };
  const size_t name = widest(&Row::name), op = widest(&Row::op), from = widest(&Row::from),
               shape = widest(&Row::shape), params = widest(&Row::params),
               work = widest(&Row::work);
  std::string text;
  for (const Row& r : rows) {
    text += fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>{}}  {:>{}}  {:>{}}", r.name, name, r.op, op,
                        r.from, from, r.shape, shape, r.params, params, r.work, work);
    text.resize(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  int64_t total = 0, trained = 0, state = 0;
  for (const Slot& slot : graph.params().slots()) {
    total += slot.count;
    trained += slot.trainable ? slot.count : 0;
  }
  for (const Slot& slot : graph.state().slots()) state += slot.count;
  return text + fmt::format(
                    "{} parameters ({} trained), {}; {} running statistics; {:.4g} MFLOP a sample, "
                    "forward\n",
                    total, trained, human_bytes(4.0 * static_cast<double>(total)), state,
                    graph.flops_per_sample() / 1e6);
}

}  // namespace trireme
