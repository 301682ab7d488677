#include "model/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "model/compile/compiler.h"

namespace trireme {
namespace {

bool ends_with_forward_sums(const std::vector<Instruction>& segment) {
  return !segment.empty() && segment.back().phase == Phase::forward_sums;
}

}  // namespace

struct Program::Impl : CompiledProgram {
  explicit Impl(CompiledProgram compiled) : CompiledProgram(std::move(compiled)) {}

  Frame frame(const Workspace& ws, std::array<std::byte*, 8>& bases) const {
    bases = {};
    const auto set = [&](Space space, const void* p) {
      bases[static_cast<size_t>(space)] = static_cast<std::byte*>(const_cast<void*>(p));
    };
    set(Space::arena, ws.arena);
    set(Space::params, ws.params);
    set(Space::grads, ws.grads);
    set(Space::state, ws.state);
    set(Space::packed, ws.packed);
    set(Space::low, ws.low);
    set(Space::constants, ws.constants ? ws.constants : constants.data());
    return {bases.data(), offsets.data(), ws.fields, ws.keys,      ws.synced, ws.synced_samples,
            ws.sums,      seed,           samples,   ws.stream,    ws.kept,   nullptr,
            ws.scalars,   ws.alone,       ws.tables, ws.loss_scale};
  }

  void narrow_inputs(const Frame& f) const {
    for (const NarrowedInput& in : inputs)
      if (kernels->narrow(f.stream, in.elements, f.at(in.given), f.at(in.narrowed)) != Status::ok)
        throw DeviceError("narrowing an input failed");
  }

  [[noreturn]] void fail(const Instruction& instruction, Status status) const {
    const CompiledOp& op = ops[static_cast<size_t>(instruction.op)];
    static constexpr const char* kPhases[] = {"forward sums", "forward", "backward sums",
                                              "backward"};
    const char* phase = kPhases[static_cast<size_t>(instruction.phase)];
    if (status == Status::invalid)
      throw DataError(fmt::format("layer {}: {} {} met a value out of range in its input", op.name,
                                  op.kind, phase),
                      "check that every label lies in [0, classes)");
    throw DeviceError(fmt::format("layer {}: {} {} failed with status {}", op.name, op.kind, phase,
                                  static_cast<int>(status)));
  }

  const Lowered& lowered(const Instruction& instruction) const {
    return *ops[static_cast<size_t>(instruction.op)].lowered;
  }

  Status execute(const Instruction& instruction, const Frame& f, double* sync_out) const {
    const CompiledOp& op = ops[static_cast<size_t>(instruction.op)];
    switch (instruction.phase) {
      case Phase::forward_sums:
        return op.lowered->forward_sums(f, sync_out);
      case Phase::forward: {
        const Status status = op.lowered->forward(f);
        return status == Status::ok && op.loss_temporary ? weigh_loss(op, f) : status;
      }
      case Phase::backward_sums:
        return op.lowered->backward_sums(f, sync_out);
      case Phase::backward:
        return op.lowered->backward(f);
    }
    return Status::failed;
  }

  Status weigh_loss(const CompiledOp& op, const Frame& f) const {
    float* temporary = f.at(op.loss_temporary);
    float* gradient = f.at(op.loss_gradient);
    const Status status = kernels->scale(f.stream, op.loss_elements, op.loss_weight, temporary);
    if (status != Status::ok) return status;
    return op.loss_write == Write::set
               ? kernels->copy(f.stream, op.loss_elements, temporary, gradient)
               : kernels->accumulate(f.stream, op.loss_elements, temporary, gradient);
  }
};

// Programs of other sizes are compiled from the same graph: a Ref means the same in all of them.
class Program::Leaves final : public PieceLeaves {
 public:
  Leaves(const PieceWork* work, const int64_t* offsets) : work_(work), offsets_(offsets) {}
  int64_t count() const override { return static_cast<int64_t>(work_->leaves.size()); }
  int64_t samples(int64_t leaf) const override {
    return at(leaf).program ? at(leaf).program->samples() : 0;
  }
  float* at(int64_t leaf, Ref r) const override {
    std::array<std::byte*, 8> bases;
    return at(leaf).program->impl_->frame(*at(leaf).workspace, bases).at(r);
  }
  float* gradient(Ref parameter) const override {
    return work_->gradient + offsets_[parameter.index] / static_cast<int64_t>(sizeof(float));
  }

 private:
  const PieceWork::Leaf& at(int64_t leaf) const { return work_->leaves[static_cast<size_t>(leaf)]; }
  const PieceWork* work_;  // null: unused
  const int64_t* offsets_;
};

Program::Program(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Program::~Program() = default;

std::unique_ptr<const Program> Program::compile(const Graph& graph, const KernelTable& kernels,
                                                int64_t samples, const ProgramOptions& options) {
  return std::unique_ptr<const Program>(
      new Program(std::make_unique<Impl>(compile_program(graph, kernels, samples, options))));
}

int64_t Program::samples() const { return impl_->samples; }
size_t Program::arena_bytes() const { return impl_->arena_bytes; }
size_t Program::packed_bytes() const { return impl_->packed_bytes; }
size_t Program::kept_bytes() const { return impl_->kept_bytes; }
size_t Program::gathered_bytes() const { return impl_->gathered_bytes; }
bool Program::takes_leaves_together() const {
  return std::ranges::any_of(impl_->ops,
                             [](const auto& op) { return op.lowered->takes_leaves_together(); });
}
std::span<const Range> Program::at_once() const { return impl_->at_once; }
std::span<const std::string> Program::fields() const { return impl_->fields; }
std::span<const float> Program::constants() const { return impl_->constants; }
int64_t Program::loss_sums() const { return impl_->loss_sums; }
int Program::segments() const { return static_cast<int>(impl_->segments.size()); }
int64_t Program::sync_doubles(int segment) const {
  return impl_->sync_doubles[static_cast<size_t>(segment)];
}

void Program::pack(const float* params, std::byte* packed, int part, int parts,
                   Stream* stream) const {
  int turn = part;  // small ones have a first part alone
  for (int64_t i = 0; i < packs(); ++i) {
    pack_one(i, params, packed, turn, parts, stream);
    turn = turn + 1 == parts ? 0 : turn + 1;
  }
}

int64_t Program::packs() const { return static_cast<int64_t>(impl_->packs.size()); }
int64_t Program::pack_from(int64_t index) const {
  return impl_->packs[static_cast<size_t>(index)].param_offset;
}

void Program::pack_one(int64_t index, const float* params, std::byte* packed, int part, int parts,
                       Stream* stream) const {
  const PackJob& job = impl_->packs[static_cast<size_t>(index)];
  const Status status = impl_->kernels->pack(job.plan, stream, params + job.param_offset,
                                             packed + job.packed_offset, part, parts);
  if (status != Status::ok)
    throw DeviceError(fmt::format("packing the weights at {} failed with status {}",
                                  job.param_offset, static_cast<int>(status)));
}

void Program::run(const Workspace& ws, int segment, double* sync_out, GradSink* sink,
                  const PieceWork* piece) const {
  std::array<std::byte*, 8> bases;
  Frame f = impl_->frame(ws, bases);
  const Leaves leaves(piece, impl_->offsets.data());
  if (piece) f.piece = &leaves;
  if (segment == 0) impl_->narrow_inputs(f);
  for (const Instruction& instruction : impl_->segments[static_cast<size_t>(segment)]) {
    if (ws.gate && instruction.phase == Phase::forward) ws.gate->need(instruction.watermark);
    Status status = impl_->execute(instruction, f, sync_out);
    const bool backward = instruction.phase == Phase::backward;
    if (status == Status::ok && piece && backward)
      status = impl_->lowered(instruction).backward_at_once(f, 0, 1);
    if (status != Status::ok) impl_->fail(instruction, status);
    if (sink && backward) sink->ready(instruction.watermark);
  }
}

// Programs of other sizes have the same instructions.
void Program::run_together(const PieceWork& work) {
  const PieceWork::Leaf* most = nullptr;  // its scratch is enough for all
  for (const PieceWork::Leaf& leaf : work.leaves) {
    if (!leaf.program) continue;
    if (!most || leaf.program->samples() > most->program->samples()) most = &leaf;
  }
  Impl& first = *most->program->impl_;
  const Leaves leaves(&work, first.offsets.data());
  std::array<std::byte*, 8> bases;
  Frame together = first.frame(*most->workspace, bases);
  together.piece = &leaves;
  const auto each = [&](auto visit) {
    for (const PieceWork::Leaf& leaf : work.leaves) {
      if (!leaf.program) continue;
      std::array<std::byte*, 8> own;
      visit(*leaf.program->impl_, leaf.program->impl_->frame(*leaf.workspace, own));
    }
  };
  each([](const Impl& program, const Frame& f) { program.narrow_inputs(f); });
  for (size_t i = 0; i < first.segments.front().size(); ++i) {
    const Instruction& of_all = first.segments.front()[i];
    if (const Lowered& op = first.lowered(of_all); op.takes_leaves_together()) {
      const Status status = of_all.phase == Phase::forward ? op.forward_together(together)
                                                           : op.backward_together(together);
      if (status != Status::ok) first.fail(of_all, status);
      continue;
    }
    each([i](const Impl& program, const Frame& f) {
      const Instruction& instruction = program.segments.front()[i];
      const Status status = program.execute(instruction, f, nullptr);
      if (status != Status::ok) program.fail(instruction, status);
    });
  }
}

void Program::run_at_once(const Workspace& scratch, const PieceWork& work, int part,
                          int parts) const {
  std::array<std::byte*, 8> bases;
  Frame f = impl_->frame(scratch, bases);
  const Leaves leaves(&work, impl_->offsets.data());
  f.piece = &leaves;
  for (const auto& segment : impl_->segments) {
    for (const Instruction& instruction : segment) {
      if (instruction.phase != Phase::backward) continue;
      const Status status = impl_->lowered(instruction).backward_at_once(f, part, parts);
      if (status != Status::ok) impl_->fail(instruction, status);
    }
  }
}

bool Program::updates_state() const {
  for (const auto& segment : impl_->segments)
    if (ends_with_forward_sums(segment)) return true;
  return false;
}

void Program::update_state(const Workspace& ws, std::span<const double* const> synced) const {
  std::vector<RunningStatistics> layers;
  std::array<std::byte*, 8> bases;
  Frame f = impl_->frame(ws, bases);
  for (size_t s = 0; s < impl_->segments.size(); ++s) {
    const auto& segment = impl_->segments[s];
    if (!ends_with_forward_sums(segment)) continue;
    f.synced = synced[s];
    if (const auto of = impl_->ops[static_cast<size_t>(segment.back().op)].lowered->running(f))
      layers.push_back(*of);
  }
  const Status status = impl_->kernels->batch_norm_running(
      ws.stream, static_cast<int64_t>(layers.size()), layers.data(), ws.scalars);
  if (status != Status::ok)
    throw DeviceError(
        fmt::format("the running statistics failed with status {}", static_cast<int>(status)));
}

const Element* Program::output(const Workspace& ws) const {
  std::array<std::byte*, 8> bases;
  return impl_->frame(ws, bases).at(impl_->output);
}

}  // namespace trireme
