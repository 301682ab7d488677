#pragma once
#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "model/compile/compilation.h"
#include "model/op.h"

namespace trireme {

// What one op sees while it is lowered.
class OpContext final : public LowerContext {
 public:
  OpContext(Compilation& compilation, int index)
      : c_(compilation), i_(index), f_(compilation.fused_[static_cast<size_t>(index)]) {}

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
  Ref output_grad_apart() override {
    if (!c_.has_backward(i_) || c_.apart(f_.output) == Compilation::kNever) return {};
    return c_.gradient_apart(f_.output, c_.backward_time(i_));
  }
  Ref input_grad(int i) override {
    if (!c_.writes_input_gradients(i_)) return {};
    if (c_.apart(in(i)) == i_) return c_.gradient_apart(in(i), c_.write_time(i_));
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
  Ref weight(int i) override {
    if (c_.element_bytes() == sizeof(float)) return param(i);
    return c_.fixed(Space::low, slot(i).offset * static_cast<int64_t>(c_.element_bytes()));
  }
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
    if (c_.value(in(input)).producer != Compilation::kNever) c_.keep(c_.value(in(input)).buffer);
    c_.keep(c_.gradient_buffer(f_.output));
    c_.out_.gathered_bytes += c_.value_bytes(in(input)) + c_.value_bytes(f_.output);
    c_.out_.at_once.push_back({slot(i).offset, slot(i).offset + slot(i).count});
  }
  Ref state(int i) override {
    return c_.fixed(
        Space::state,
        c_.graph_.state().slots()[static_cast<size_t>(f_.state[static_cast<size_t>(i)])].offset *
            4);
  }
  int table() const override { return c_.graph_.node(f_.node).table; }
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
    return field == Compilation::kNever || !c_.options_.sample_weights
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
    if (c_.apart(in(i)) == i_) return Write::set;
    const std::vector<int> writers = c_.gradient_writers(in(i));
    const bool repeated =
        std::find(f_.inputs.begin(), f_.inputs.begin() + i, in(i)) != f_.inputs.begin() + i;
    return !writers.empty() && writers.front() == i_ && !repeated ? Write::set : Write::add;
  }

  Compilation& c_;
  int i_;
  const FusedOp& f_;
  size_t scratch_used_ = 0;
};

}  // namespace trireme
