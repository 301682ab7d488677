#include "export/forward.h"

#include <algorithm>

namespace trireme {
namespace {

// Room for a field of any type: the widest sample that the graph reads or compares, 8 bytes an
// element.
size_t field_bytes(const Graph& graph, int64_t samples) {
  int64_t widest = 1;
  for (NodeId id : graph.inputs()) widest = std::max(widest, graph.node(id).shape.elements());
  for (NodeId id : graph.losses())
    for (NodeId in : graph.node(id).inputs)
      widest = std::max(widest, graph.node(in).shape.elements());
  return sizeof(int64_t) * static_cast<size_t>(widest * samples);
}

}  // namespace

ForwardPass::ForwardPass(const Graph& graph, int64_t samples, const float* params,
                         const float* state, const ModelTables& tables, bool losses,
                         bool sample_weights)
    : graph_(graph),
      tables_(graph, tables),
      program_(Program::compile(
          graph, cpu_kernels(), samples,
          {.mode = Mode::inference, .sample_weights = sample_weights, .losses = losses})),
      arena_(align_up(std::max<size_t>(program_->arena_bytes(), 1))),
      packed_(align_up(std::max<size_t>(program_->packed_bytes(), 1))),
      keys_(static_cast<size_t>(samples)),
      sums_(static_cast<size_t>(program_->loss_sums())) {
  for (size_t i = 0; i < program_->fields().size(); ++i) {
    field_bytes_.emplace_back(align_up(std::max<size_t>(field_bytes(graph, samples), 1)));
    fields_.push_back(field_bytes_.back().data());
  }
  workspace_.arena = arena_.data();
  workspace_.params = params;
  workspace_.state = const_cast<float*>(state);  // inference reads running statistics only
  workspace_.packed = packed_.data();
  workspace_.fields = fields_.data();
  workspace_.keys = keys_.data();
  workspace_.sums = sums_.data();
  program_->pack(params, packed_.data(), 0, 1, nullptr);
}

std::byte* ForwardPass::input(NodeId node) {
  const std::vector<NodeId> inputs = graph_.inputs();
  const auto at = std::ranges::find(inputs, node);
  return at == inputs.end() ? nullptr : fields_[static_cast<size_t>(at - inputs.begin())];
}

float* ForwardPass::dense_input() { return reinterpret_cast<float*>(input(graph_.dense_input())); }

int64_t* ForwardPass::ids() { return reinterpret_cast<int64_t*>(input(graph_.id_input())); }

const float* ForwardPass::run() {
  if (!graph_.tables().empty()) workspace_.tables = tables_.find(ids(), samples());
  for (int segment = 0; segment < program_->segments(); ++segment)
    program_->run(workspace_, segment, nullptr, nullptr);
  return program_->output(workspace_);
}

}  // namespace trireme
