#pragma once
// The compilation itself: lowers every op, collects who needs which bytes when, and writes the
// instruction list.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/compile/fuse.h"
#include "model/compile/memory_plan.h"
#include "model/program.h"

namespace trireme {

struct PackJob {
  const Plan* plan = nullptr;
  int64_t param_offset = 0;   // elements
  int64_t packed_offset = 0;  // bytes
  size_t bytes = 0;
};

// An input of the graph where Elements are narrower than fp32.
struct NarrowedInput {
  Ref given, narrowed;
  int64_t elements = 0;
};

enum class Phase : uint8_t { forward_sums, forward, backward_sums, backward };
struct Instruction {
  int op = 0;  // index into CompiledProgram::ops
  Phase phase = Phase::forward;
  // backward: gradients below are final after this. forward: weights from here on are read by this
  // or were before; 0 with the last.
  int64_t watermark = -1;
};

struct CompiledOp {
  std::string name, kind;
  std::unique_ptr<Lowered> lowered;
  // A loss whose weight is not 1 writes its gradient here first; then real (+)= weight * temporary.
  Ref loss_temporary, loss_gradient;
  Write loss_write = Write::set;
  int64_t loss_elements = 0;
  float loss_weight = 1;
};

struct CompiledProgram {
  const KernelTable* kernels = nullptr;
  int64_t samples = 0;
  uint64_t seed = 0;
  std::vector<CompiledOp> ops;
  std::vector<std::vector<Instruction>> segments;
  std::vector<int64_t> sync_doubles;  // by segment
  std::vector<int64_t> offsets;       // by Ref::index, bytes
  std::vector<PackJob> packs;
  std::vector<NarrowedInput> inputs;
  std::vector<std::string> fields;
  std::vector<Range> at_once;  // ascending
  std::vector<float> constants;
  size_t arena_bytes = 0, packed_bytes = 0, kept_bytes = 0;
  size_t gathered_bytes = 0;  // that the gradients of at_once are computed from
  int64_t loss_sums = 0;
  Ref output;
  // Backward instructions in order report watermarks; forward-only programs never do.
};

CompiledProgram compile_program(const Graph& graph, const KernelTable& kernels, int64_t samples,
                                const ProgramOptions& options);

}  // namespace trireme
