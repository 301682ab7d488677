#pragma once
// One compilation in progress: which values live when, who writes which gradient first, where every
// byte lies, in which order ops run. Ops look at it through an OpContext.

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/compile/compiler.h"

namespace trireme {

class Compilation {
 public:
  Compilation(const Graph& graph, const KernelTable& kernels, int64_t samples,
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
  static constexpr int kNever = -1;
  // What the compiler knows of one value (bytes that a fused op or an input produces).
  struct Value {
    int producer = kNever;        // index of the fused op; kNever: a graph input
    std::vector<int> readers;     // fused ops, ascending, once each
    bool needs_gradient = false;  // a trainable parameter (or wanted input gradient) lies upstream
    bool reaches_loss = false;
    // Indices into buffers_; the last: of what the op apart() writes.
    int buffer = kNever, gradient = kNever, gradient_apart = kNever;
  };
  static bool with_losses(const ProgramOptions& options) {
    return options.mode == Mode::training || options.losses;
  }
  int ops() const { return static_cast<int>(fused_.size()); }
  int forward_time(int op) const { return op; }
  int backward_time(int op) const { return 2 * ops() - 1 - op; }
  Value& value(NodeId id) { return values_[static_cast<size_t>(id)]; }
  bool training() const { return options_.mode == Mode::training; }
  bool is_loss(int op) const { return fused_[static_cast<size_t>(op)].op->is_loss(); }

  void analyse() {
    for (NodeId in : graph_.inputs())
      value(in).needs_gradient =
          options_.input_gradients && training() && graph_.node(in).dtype == DType::f32;
    for (int i = 0; i < ops(); ++i) {
      const FusedOp& f = fused_[static_cast<size_t>(i)];
      Value& out = value(f.output);
      out.producer = i;
      for (int p : f.params) out.needs_gradient |= training() && slot(p).trainable;
      out.needs_gradient |= training() && graph_.node(f.node).table >= 0;
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
  size_t element_bytes() const { return bytes_of(out_.kernels->element); }
  size_t value_bytes(NodeId id) const {
    const Node& n = graph_.node(id);
    return static_cast<size_t>(n.shape.elements() * out_.samples) *
           (n.dtype == DType::f32 ? element_bytes() : size_of(n.dtype));
  }

  Ref read_value(NodeId id, int time) {
    Value& v = value(id);
    if (v.producer == kNever) {
      const Ref given{Space::field, static_cast<int32_t>(field(graph_.node(id).name))};
      if (element_bytes() == sizeof(float) || graph_.node(id).dtype != DType::f32) return given;
      if (v.buffer == kNever) narrow_input(id, given);
    }
    extend(v.buffer, time);
    return buffer_ref(v.buffer);
  }

  // The field as Elements, written before the first op.
  void narrow_input(NodeId id, Ref given) {
    Value& v = value(id);
    v.buffer = add_buffer(value_bytes(id), 0, 0);
    out_.inputs.push_back(
        {given, buffer_ref(v.buffer), graph_.node(id).shape.elements() * out_.samples});
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

  // The op that does not add to the value's gradient, but leaves its part in a buffer of its own:
  // it can only set, comes last, and the value's producer takes two parts. kNever: none.
  int apart(NodeId id) {
    const Value& v = value(id);
    if (v.producer == kNever || !fused_[static_cast<size_t>(v.producer)].op->takes_gradient_apart())
      return kNever;
    const std::vector<int> writers = gradient_writers(id);
    if (writers.size() < 2) return kNever;
    const FusedOp& last = fused_[static_cast<size_t>(writers.back())];
    const bool once = std::count(last.inputs.begin(), last.inputs.end(), id) == 1;
    return last.op->only_sets_gradients() && once ? writers.back() : kNever;
  }

  // The value whose gradient lies where id's does: id itself, or the output of the op that is the
  // first to write id's and does so in place.
  NodeId gradient_home(NodeId id) {
    const std::vector<int> writers = gradient_writers(id);
    if (writers.empty() || is_loss(writers.front()) || apart(id) == writers.front()) return id;
    const FusedOp& first = fused_[static_cast<size_t>(writers.front())];
    const int input = first.op->gradient_in_place();
    const bool in_place = input >= 0 && first.inputs[static_cast<size_t>(input)] == id &&
                          std::count(first.inputs.begin(), first.inputs.end(), id) == 1;
    return in_place ? gradient_home(first.output) : id;
  }
  int& gradient_buffer(NodeId id) { return value(gradient_home(id)).gradient; }
  Ref gradient(NodeId id, int time) { return gradient_in(id, gradient_buffer(id), time); }
  Ref gradient_apart(NodeId id, int time) {
    return gradient_in(id, value(id).gradient_apart, time);
  }
  Ref gradient_in(NodeId id, int& buffer, int time) {
    const Value& v = value(id);
    if (!training() || !v.needs_gradient || !v.reaches_loss) return {};
    if (buffer == kNever) buffer = add_buffer(value_bytes(id), time, time);
    extend(buffer, time);
    return buffer_ref(buffer);
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
  // The lowest offset of a slot that ops up to `op` read; of the last, whatever is left.
  int64_t first_weight(int op) const {
    int64_t first = op + 1 == ops() ? 0 : graph_.params().size();
    for (int i = 0; i <= op; ++i)
      for (const int p : fused_[static_cast<size_t>(i)].params)
        first = std::min(first, slot(p).offset);
    return first;
  }
  void schedule() {
    begin_segment();
    for (int i = 0; i < ops(); ++i) {
      if (out_.ops[static_cast<size_t>(i)].lowered->sync_doubles() > 0)
        emit_sync(i, Phase::forward_sums);
      emit(i, Phase::forward, first_weight(i));
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

}  // namespace trireme
