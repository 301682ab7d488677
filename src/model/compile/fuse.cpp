#include "model/compile/fuse.h"

#include <algorithm>

namespace trireme {
namespace {

struct Draft {
  FusedOp fused;
  NodeId position;  // of the last node it covers: keeps the order runnable
  bool absorbed = false;
};

class Fuser {
 public:
  Fuser(const Graph& graph, bool with_losses) : graph_(graph), consumers_(graph.nodes().size()) {
    for (size_t i = 0; i < graph.nodes().size(); ++i) {
      const Node& n = graph.nodes()[i];
      if (!n.op || (!with_losses && n.op->is_loss())) continue;
      for (NodeId in : n.inputs)
        consumers_[static_cast<size_t>(in)].push_back(static_cast<NodeId>(i));
      drafts_.push_back({{n.op, static_cast<NodeId>(i), n.inputs, n.inputs, static_cast<NodeId>(i),
                          n.params, n.state},
                         static_cast<NodeId>(i)});
    }
  }

  std::vector<FusedOp> run() {
    for (Draft& draft : drafts_) {
      if (draft.absorbed) continue;
      absorb_addend(draft);
      absorb_activation(draft);
    }
    std::stable_sort(drafts_.begin(), drafts_.end(),
                     [](const Draft& a, const Draft& b) { return a.position < b.position; });
    std::vector<FusedOp> result;
    for (Draft& draft : drafts_) {
      if (draft.absorbed || draft.fused.op->is_view()) continue;
      for (NodeId& in : draft.fused.inputs) in = resolve_view(graph_, in);
      result.push_back(std::move(draft.fused));
    }
    return result;
  }

 private:
  // The draft that alone reads `value`; null when there is none or the value must stay.
  Draft* sole_consumer(NodeId value) {
    const auto& users = consumers_[static_cast<size_t>(value)];
    if (users.size() != 1 || value == graph_.output()) return nullptr;
    for (Draft& d : drafts_)
      if (d.fused.node == users.front() && !d.absorbed) return &d;
    return nullptr;
  }

  void take(Draft& draft, Draft& next, std::shared_ptr<const Op> op) {
    draft.fused.op = std::move(op);
    draft.fused.output = next.fused.output;
    draft.position = next.position;
    next.absorbed = true;
  }

  void absorb_addend(Draft& draft) {
    Draft* next = sole_consumer(draft.fused.output);
    if (!next || next->fused.op->kind() != "add" || next->fused.inputs.size() != 2) return;
    if (next->fused.inputs[0] == next->fused.inputs[1]) return;
    auto op = draft.fused.op->with_addend();
    if (!op) return;
    const bool first = next->fused.inputs[0] == draft.fused.output;
    const NodeId other = next->fused.inputs[first ? 1 : 0];
    draft.fused.inputs.push_back(other);
    draft.fused.input_nodes.push_back(other);
    take(draft, *next, std::move(op));
  }

  void absorb_activation(Draft& draft) {
    Draft* next = sole_consumer(draft.fused.output);
    if (!next) return;
    const auto activation = next->fused.op->as_activation();
    if (!activation) return;
    if (auto op = draft.fused.op->with_activation(activation->first, activation->second))
      take(draft, *next, std::move(op));
  }

  const Graph& graph_;
  std::vector<std::vector<NodeId>> consumers_;
  std::vector<Draft> drafts_;
};

}  // namespace

NodeId resolve_view(const Graph& graph, NodeId id) {
  while (graph.node(id).op && graph.node(id).op->is_view()) id = graph.node(id).inputs.front();
  return id;
}

std::vector<FusedOp> fuse(const Graph& graph, bool with_losses) {
  return Fuser(graph, with_losses).run();
}

}  // namespace trireme
