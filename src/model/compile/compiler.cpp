#include "model/compile/compiler.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace trireme {
namespace {

constexpr int kNever = -1;

bool with_losses(const ProgramOptions& options) {
  return options.mode == Mode::training || options.losses;
}

// What the compiler knows of one value (bytes that a fused op or an input produces).
struct Value {
  int producer = kNever;        // index of the fused op; kNever: a graph input
  std::vector<int> readers;     // fused ops, ascending, once each
  bool needs_gradient = false;  // a trainable parameter (or wanted input gradient) lies upstream
  bool reaches_loss = false;
  int buffer = kNever, gradient = kNever;  // indices into Compiler::buffers_
};

class Compiler {
 public:
  Compiler(const Graph& graph, const KernelTable& kernels, int64_t samples,
           const ProgramOptions& options)
      : graph_(graph),
        options_(options),
        fused_(fuse(graph, with_losses(options))),
        values_(graph.nodes().size()) {
    out_.kernels = &kernels;
    out_.samples = samples;
    out_.seed = options.seed;
  }

  CompiledProgram run() {
    analyse();
    name_fields();
    for (size_t i = 0; i < fused_.size(); ++i) lower(static_cast<int>(i));
    keep_output();
    schedule();
    place();
    return std::move(out_);
  }

 private:
  friend class OpContext;
  int ops() const { return static_cast<int>(fused_.size()); }
  int forward_time(int op) const { return op; }
  int backward_time(int op) const { return 2 * ops() - 1 - op; }
  Value& value(NodeId id) { return values_[static_cast<size_t>(id)]; }
  bool training() const { return options_.mode == Mode::training; }
  bool is_loss(int op) const { return fused_[static_cast<size_t>(op)].op->is_loss(); }

  void analyse() {
    for (NodeId in : graph_.inputs())
      value(in).needs_gradient = options_.input_gradients && training();
    for (int i = 0; i < ops(); ++i) {
      const FusedOp& f = fused_[static_cast<size_t>(i)];
      Value& out = value(f.output);
      out.producer = i;
      for (int p : f.params) out.needs_gradient |= training() && slot(p).trainable;
      for (NodeId in : f.inputs) {
        out.needs_gradient |= value(in).needs_gradient;
        if (value(in).readers.empty() || value(in).readers.back() != i)
          value(in).readers.push_back(i);
      }
    }
    if (!training()) return;
    for (int i = ops() - 1; i >= 0; --i) {
      const FusedOp& f = fused_[static_cast<size_t>(i)];
      const bool active = is_loss(i) || value(f.output).reaches_loss;
      for (NodeId in : f.inputs) value(in).reaches_loss |= active;
    }
    for (int i = 0; i < ops(); ++i)
      for (int p : fused_[static_cast<size_t>(i)].params)
        if (has_backward(i)) param_users_[p].push_back(i);
  }

  const Slot& slot(int p) const { return graph_.params().slots()[static_cast<size_t>(p)]; }

  // The op takes part in the backward pass.
  bool has_backward(int i) {
    const FusedOp& f = fused_[static_cast<size_t>(i)];
    return training() && !f.op->is_loss() && value(f.output).reaches_loss &&
           value(f.output).needs_gradient;
  }
  bool writes_input_gradients(int i) { return training() && (is_loss(i) || has_backward(i)); }

  void name_fields() {
    for (NodeId in : graph_.inputs()) out_.fields.push_back(graph_.node(in).name);
    if (!with_losses(options_)) return;
    for (NodeId loss : graph_.losses()) {
      const std::string& target = graph_.node(loss).target;
      if (std::find(out_.fields.begin(), out_.fields.end(), target) == out_.fields.end())
        out_.fields.push_back(target);
    }
    if (options_.sample_weights) out_.fields.push_back("weight");
  }
  int field(const std::string& name) const {
    const auto at = std::find(out_.fields.begin(), out_.fields.end(), name);
    return at == out_.fields.end() ? kNever : static_cast<int>(at - out_.fields.begin());
  }

  // ---- bytes
  int add_buffer(size_t bytes, int first, int last) {
    buffers_.push_back({bytes, first, last});
    buffer_refs_.push_back(new_offset());
    return static_cast<int>(buffers_.size()) - 1;
  }
  int32_t new_offset() {
    out_.offsets.push_back(0);
    return static_cast<int32_t>(out_.offsets.size()) - 1;
  }
  Ref fixed(Space space, int64_t bytes) {
    const int32_t index = new_offset();
    out_.offsets[static_cast<size_t>(index)] = bytes;
    return {space, index};
  }
  Ref buffer_ref(int buffer) const {
    return {Space::arena, buffer_refs_[static_cast<size_t>(buffer)]};
  }
  // Takes the buffer out of the arena's plan: no other leaf of the piece may overwrite it.
  void keep(int buffer) {
    PlannedBuffer& b = buffers_[static_cast<size_t>(buffer)];
    if (kept_offsets_.contains(buffer)) return;
    kept_offsets_[buffer] = static_cast<int64_t>(out_.kept_bytes);
    out_.kept_bytes += align_up(b.bytes);
    b.bytes = 0;
  }
  void extend(int buffer, int time) {
    PlannedBuffer& b = buffers_[static_cast<size_t>(buffer)];
    b.first = std::min(b.first, time);
    b.last = std::max(b.last, time);
  }
  size_t value_bytes(NodeId id) const {
    const Node& n = graph_.node(id);
    return static_cast<size_t>(n.shape.elements() * out_.samples) * size_of(n.dtype);
  }

  Ref read_value(NodeId id, int time) {
    Value& v = value(id);
    if (v.producer == kNever)
      return {Space::field, static_cast<int32_t>(field(graph_.node(id).name))};
    extend(v.buffer, time);
    return buffer_ref(v.buffer);
  }

  // Gradients of a value are written by its losses first (in forward), then by its other readers
  // backwards.
  std::vector<int> gradient_writers(NodeId id) {
    std::vector<int> writers;
    for (int r : value(id).readers)
      if (is_loss(r)) writers.push_back(r);
    for (auto r = value(id).readers.rbegin(); r != value(id).readers.rend(); ++r)
      if (has_backward(*r)) writers.push_back(*r);
    return writers;
  }
  int write_time(int op) const { return is_loss(op) ? forward_time(op) : backward_time(op); }

  Ref gradient(NodeId id, int time) {
    Value& v = value(id);
    if (!training() || !v.needs_gradient || !v.reaches_loss) return {};
    if (v.gradient == kNever) v.gradient = add_buffer(value_bytes(id), time, time);
    extend(v.gradient, time);
    return buffer_ref(v.gradient);
  }

  void lower(int i);
  void keep_output() {
    Value& v = value(resolve_view(graph_, graph_.output()));
    if (v.producer == kNever)
      throw ConfigError("the model has no layer between its input and its output");
    extend(v.buffer, 2 * ops());
    out_.output = buffer_ref(v.buffer);
  }

  // ---- instructions
  void begin_segment() {
    out_.segments.emplace_back();
    out_.sync_doubles.push_back(0);
  }
  void emit(int op, Phase phase, int64_t watermark = -1) {
    out_.segments.back().push_back({op, phase, watermark});
  }
  void emit_sync(int op, Phase phase) {
    emit(op, phase);
    out_.sync_doubles.back() = out_.ops[static_cast<size_t>(op)].lowered->sync_doubles();
    begin_segment();
  }
  // Lowest offset of a slot whose gradient is not final once ops >= `op` ran backwards.
  int64_t watermark(int op) const {
    int64_t mark = graph_.params().size();
    for (const auto& [p, users] : param_users_)
      if (slot(p).trainable && users.front() < op) mark = std::min(mark, slot(p).offset);
    return mark;
  }
  void schedule() {
    begin_segment();
    for (int i = 0; i < ops(); ++i) {
      if (out_.ops[static_cast<size_t>(i)].lowered->sync_doubles() > 0)
        emit_sync(i, Phase::forward_sums);
      emit(i, Phase::forward);
    }
    for (int i = ops() - 1; i >= 0; --i) {
      if (!has_backward(i)) continue;
      if (out_.ops[static_cast<size_t>(i)].lowered->sync_doubles() > 0)
        emit_sync(i, Phase::backward_sums);
      emit(i, Phase::backward, watermark(i));
    }
  }

  void place() {
    if (scratch_bytes_ > 0) extend_scratch();
    out_.arena_bytes = plan_memory(buffers_);
    for (size_t b = 0; b < buffers_.size(); ++b)
      out_.offsets[static_cast<size_t>(buffer_refs_[b])] = buffers_[b].offset;
    for (const auto& [buffer, offset] : kept_offsets_)
      out_.offsets[static_cast<size_t>(buffer_refs_[static_cast<size_t>(buffer)])] = ~offset;
    std::sort(out_.at_once.begin(), out_.at_once.end(),
              [](const Range& a, const Range& b) { return a.begin < b.begin; });
    for (const auto& [index, offset] : scratch_offsets_)
      out_.offsets[static_cast<size_t>(index)] = buffers_.back().offset + offset;
  }
  void extend_scratch() { add_buffer(scratch_bytes_, 0, 2 * ops()); }

  const Graph& graph_;
  const ProgramOptions& options_;
  std::vector<FusedOp> fused_;
  std::vector<Value> values_;
  std::map<int, std::vector<int>> param_users_;  // ops that write the slot's gradient, ascending
  std::vector<PlannedBuffer> buffers_;
  std::vector<int32_t> buffer_refs_;
  std::map<int, int64_t> kept_offsets_;  // of buffers outside the arena
  size_t scratch_bytes_ = 0;
  std::vector<std::pair<int32_t, int64_t>> scratch_offsets_;
  CompiledProgram out_;
};

// What one op sees while it is lowered.
class OpContext final : public LowerContext {
 public:
  OpContext(Compiler& compiler, int index)
      : c_(compiler), i_(index), f_(compiler.fused_[static_cast<size_t>(index)]) {}

  const KernelTable& kernels() const override { return *c_.out_.kernels; }
  int64_t samples() const override { return c_.out_.samples; }
  Mode mode() const override { return c_.options_.mode; }
  std::string_view name() const override { return c_.graph_.node(f_.node).name; }
  uint64_t seed() const override { return c_.options_.seed; }
  Shape input_shape(int i) const override {
    return c_.graph_.node(f_.input_nodes[static_cast<size_t>(i)]).shape;
  }
  Shape output_shape() const override { return c_.graph_.node(f_.output).shape; }

  Ref input(int i) override { return c_.read_value(in(i), c_.forward_time(i_)); }
  Ref output() override { return c_.read_value(f_.output, c_.forward_time(i_)); }
  Ref saved_input(int i) override {
    const Ref r = input(i);
    if (c_.has_backward(i_)) c_.read_value(in(i), c_.backward_time(i_));
    return r;
  }
  Ref saved_output() override {
    const Ref r = output();
    if (c_.has_backward(i_)) c_.read_value(f_.output, c_.backward_time(i_));
    return r;
  }
  Ref output_grad() override {
    return c_.has_backward(i_) ? c_.gradient(f_.output, c_.backward_time(i_)) : Ref{};
  }
  Ref input_grad(int i) override {
    if (!c_.writes_input_gradients(i_)) return {};
    const Ref real = c_.gradient(in(i), c_.write_time(i_));
    if (!real || !weighted_loss()) return real;
    CompiledOp& op = c_.out_.ops.back();
    op.loss_gradient = real;
    op.loss_write = write_mode(i);
    op.loss_elements = input_shape(i).elements() * samples();
    const int temporary =
        c_.add_buffer(c_.value_bytes(in(i)), c_.forward_time(i_), c_.forward_time(i_));
    return op.loss_temporary = c_.buffer_ref(temporary);
  }
  Write input_grad_write(int i) const override {
    return weighted_loss() ? Write::set : write_mode(i);
  }

  Ref param(int i) override { return c_.fixed(Space::params, slot(i).offset * 4); }
  Ref param_grad(int i) override {
    return c_.has_backward(i_) && slot(i).trainable ? c_.fixed(Space::grads, slot(i).offset * 4)
                                                    : Ref{};
  }
  Write param_grad_write(int i) const override {
    const auto& users = c_.param_users_.at(f_.params[static_cast<size_t>(i)]);
    const bool earlier_in_op =
        std::find(f_.params.begin(), f_.params.begin() + i, f_.params[static_cast<size_t>(i)]) !=
        f_.params.begin() + i;
    return users.back() == i_ && !earlier_in_op ? Write::set : Write::add;
  }
  int64_t leaves_at_once(int i) const override {
    const int p = f_.params[static_cast<size_t>(i)];
    const bool sole =
        c_.param_users_.at(p).size() == 1 && std::count(f_.params.begin(), f_.params.end(), p) == 1;
    return sole ? c_.options_.leaves : 1;
  }
  void compute_at_once(int i, int input) override {
    if (c_.value(in(input)).producer != kNever) c_.keep(c_.value(in(input)).buffer);
    c_.keep(c_.value(f_.output).gradient);
    c_.out_.at_once.push_back({slot(i).offset, slot(i).offset + slot(i).count});
  }
  Ref state(int i) override {
    return c_.fixed(
        Space::state,
        c_.graph_.state().slots()[static_cast<size_t>(f_.state[static_cast<size_t>(i)])].offset *
            4);
  }
  Ref saved(size_t bytes) override {
    const int last = c_.has_backward(i_) ? c_.backward_time(i_) : c_.forward_time(i_);
    return c_.buffer_ref(c_.add_buffer(bytes, c_.forward_time(i_), last));
  }
  Ref scratch(size_t bytes) override {
    const int32_t index = c_.new_offset();
    c_.scratch_offsets_.emplace_back(index, static_cast<int64_t>(scratch_used_));
    scratch_used_ += align_up(bytes);
    c_.scratch_bytes_ = std::max(c_.scratch_bytes_, scratch_used_);
    return {Space::arena, index};
  }
  Ref packed(int i, const Plan* plan, size_t bytes) override {
    const int64_t offset = static_cast<int64_t>(c_.out_.packed_bytes);
    c_.out_.packs.push_back({plan, slot(i).offset, offset, bytes});
    c_.out_.packed_bytes += align_up(bytes);
    return c_.fixed(Space::packed, offset);
  }
  Ref constant(std::span<const float> values) override {
    std::vector<float>& all = c_.out_.constants;
    const auto bytes = static_cast<int64_t>(all.size() * sizeof(float));
    all.insert(all.end(), values.begin(), values.end());
    all.resize(align_up(all.size() * sizeof(float)) / sizeof(float));
    return c_.fixed(Space::constants, bytes);
  }
  Ref target() override {
    return {Space::field, static_cast<int32_t>(c_.field(c_.graph_.node(f_.node).target))};
  }
  Ref sample_weight() override {
    const int field = c_.field("weight");
    return field == kNever || !c_.options_.sample_weights
               ? Ref{}
               : Ref{Space::weight, static_cast<int32_t>(field)};
  }
  int64_t loss_sum_slot() override {
    const auto losses = c_.graph_.losses();
    return 2 * (std::find(losses.begin(), losses.end(), f_.node) - losses.begin());
  }

 private:
  NodeId in(int i) const { return f_.inputs[static_cast<size_t>(i)]; }
  const Slot& slot(int i) const { return c_.slot(f_.params[static_cast<size_t>(i)]); }
  bool weighted_loss() const {
    return f_.op->is_loss() && c_.graph_.node(f_.node).loss_weight != 1;
  }
  Write write_mode(int i) const {
    const std::vector<int> writers = c_.gradient_writers(in(i));
    const bool repeated =
        std::find(f_.inputs.begin(), f_.inputs.begin() + i, in(i)) != f_.inputs.begin() + i;
    return !writers.empty() && writers.front() == i_ && !repeated ? Write::set : Write::add;
  }

  Compiler& c_;
  int i_;
  const FusedOp& f_;
  size_t scratch_used_ = 0;
};

void Compiler::lower(int i) {
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

}  // namespace

CompiledProgram compile_program(const Graph& graph, const KernelTable& kernels, int64_t samples,
                                const ProgramOptions& options) {
  return Compiler(graph, kernels, samples, options).run();
}

}  // namespace trireme
