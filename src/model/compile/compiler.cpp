#include "model/compile/compiler.h"

#include <fmt/format.h>

#include "base/error.h"
#include "model/compile/compilation.h"
#include "model/compile/op_context.h"

namespace trireme {

void Compilation::lower(int i) {
  const FusedOp& f = fused_[static_cast<size_t>(i)];
  const Node& node = graph_.node(f.node);
  CompiledOp& op = out_.ops.emplace_back();
  op.name = node.name;
  op.kind = std::string(f.op->kind());
  op.loss_weight = node.loss_weight;
  if (!f.op->is_loss())
    value(f.output).buffer = add_buffer(value_bytes(f.output), forward_time(i), forward_time(i));
  else
    out_.loss_sums += 2;
  OpContext context(*this, i);
  try {
    op.lowered = f.op->lower(context);
  } catch (const DeviceError& e) {
    throw DeviceError(fmt::format("layer {}: {}", node.name, e.what()), e.hint());
  }
}

CompiledProgram compile_program(const Graph& graph, const KernelTable& kernels, int64_t samples,
                                const ProgramOptions& options) {
  return Compilation(graph, kernels, samples, options).run();
}

}  // namespace trireme
