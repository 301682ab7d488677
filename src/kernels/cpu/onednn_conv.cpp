// Convolution plans. Activations stay N,H,W,C; weights take the layout that the primitive prefers:
// packed once a step for forward and backward data, relaid out from scratch after backward weights.
#include <memory>

#include "kernels/cpu/onednn.h"
#include "kernels/cpu/plan.h"
#include "tensor/buffer.h"

namespace trireme::cpu {
namespace {

using dnnl::memory;
using dnnl::prop_kind;
using Forward = dnnl::convolution_forward;
using BackwardData = dnnl::convolution_backward_data;
using BackwardWeights = dnnl::convolution_backward_weights;

constexpr auto kFloat = memory::data_type::f32;

// The problem in oneDNN's terms.
struct Problem {
  explicit Problem(const ConvTask& task) : Problem(task.spec, task.out_h, task.out_w) {}
  Problem(const Conv2dSpec& s, int64_t out_h, int64_t out_w)
      : x({s.n, s.c_in, s.h, s.w}, kFloat, memory::format_tag::nhwc),
        y({s.n, s.c_out, out_h, out_w}, kFloat, memory::format_tag::nhwc),
        strides{s.stride_h, s.stride_w},
        dilates{s.dilation_h - 1, s.dilation_w - 1},
        pads{s.pad_h, s.pad_w} {
    const int64_t in = s.c_in / s.groups, out = s.c_out / s.groups, area = s.kernel_h * s.kernel_w;
    memory::dims dims{out, in, s.kernel_h, s.kernel_w};
    memory::dims steps{area * in, 1, s.kernel_w * in, in};
    if (s.groups > 1) {
      dims.insert(dims.begin(), s.groups);
      steps.insert(steps.begin(), out * area * in);
    }
    stored = memory::desc(dims, kFloat, steps);
    any = memory::desc(dims, kFloat, memory::format_tag::any);
    if (s.bias) bias = memory::desc({s.c_out}, kFloat, memory::format_tag::x);
  }

  Forward::primitive_desc forward(prop_kind kind, const dnnl::primitive_attr& attr) const {
    const auto direct = dnnl::algorithm::convolution_direct;
    return bias.get_size() > 0 ? Forward::primitive_desc(engine(), kind, direct, x, any, bias, y,
                                                         strides, dilates, pads, pads, attr)
                               : Forward::primitive_desc(engine(), kind, direct, x, any, y, strides,
                                                         dilates, pads, pads, attr);
  }

  memory::desc x, y, stored, any, bias;
  memory::dims strides, dilates, pads;
};

const dnnl::primitive_attr& plain() {
  static const dnnl::primitive_attr attr = attributes(false);
  return attr;
}

class ForwardPlan : public Plan {
 public:
  ForwardPlan(const ConvTask& task, const OwnPlans& own) : p_(task), end_(own, task.spec) {
    const auto desc = p_.forward(prop_kind::forward_training, plain());
    weights_ = desc.weights_desc();
    scratchpad_ = desc.scratchpad_desc();
    if (weights_ != p_.stored) pack_ = Relayout(p_.stored, weights_);
    primitive_ = Forward(desc);
  }
  PlanInfo info() const { return {scratchpad_.get_size(), pack_ ? weights_.get_size() : 0}; }

  Status run(void* const* arguments, void* scratch) const noexcept override {
    Arguments all;
    all.add(DNNL_ARG_SRC, p_.x, arguments[0]);
    all.add(DNNL_ARG_WEIGHTS, weights_, arguments[1]);
    all.add(DNNL_ARG_BIAS, p_.bias, arguments[2]);
    all.add(DNNL_ARG_DST, p_.y, arguments[3]);
    all.add(DNNL_ARG_SCRATCHPAD, scratchpad_, scratch);
    const Status status = all.execute(primitive_);
    return status == Status::ok ? end_.run(p_.y.get_size() / sizeof(float), arguments[3]) : status;
  }
  Status pack(const float* weights, void* packed, int64_t part, int64_t) const noexcept override {
    if (!pack_) return Status::unsupported;
    return part == 0 ? pack_.run(weights, packed) : Status::ok;
  }

 private:
  Problem p_;
  Epilogue end_;
  memory::desc weights_, scratchpad_;
  Relayout pack_;
  Forward primitive_;
};

class BackwardDataPlan : public Plan {
 public:
  BackwardDataPlan(const ConvTask& task, const OwnPlans&) : p_(task) {
    const auto hint = p_.forward(prop_kind::forward_training, plain());
    const BackwardData::primitive_desc desc(engine(), dnnl::algorithm::convolution_direct, p_.x,
                                            p_.any, p_.y, p_.strides, p_.dilates, p_.pads, p_.pads,
                                            hint, plain());
    weights_ = desc.weights_desc();
    scratchpad_ = desc.scratchpad_desc();
    if (weights_ != p_.stored) pack_ = Relayout(p_.stored, weights_);
    primitive_ = BackwardData(desc);
  }
  PlanInfo info() const { return {scratchpad_.get_size(), pack_ ? weights_.get_size() : 0}; }

  Status run(void* const* arguments, void* scratch) const noexcept override {
    Arguments all;
    all.add(DNNL_ARG_DIFF_DST, p_.y, arguments[0]);
    all.add(DNNL_ARG_WEIGHTS, weights_, arguments[1]);
    all.add(DNNL_ARG_DIFF_SRC, p_.x, arguments[2]);
    all.add(DNNL_ARG_SCRATCHPAD, scratchpad_, scratch);
    return all.execute(primitive_);
  }
  Status pack(const float* weights, void* packed, int64_t part, int64_t) const noexcept override {
    if (!pack_) return Status::unsupported;
    return part == 0 ? pack_.run(weights, packed) : Status::ok;
  }

 private:
  Problem p_;
  memory::desc weights_, scratchpad_;
  Relayout pack_;
  BackwardData primitive_;
};

// Scratch: the library's scratchpad, dw in the library's layout when that is another one, and a
// place for db when the caller has none.
class BackwardWeightsPlan : public Plan {
 public:
  BackwardWeightsPlan(const ConvTask& task, const OwnPlans&) : p_(task) {
    const auto hint = p_.forward(prop_kind::forward_training, plain());
    const auto direct = dnnl::algorithm::convolution_direct;
    using Desc = BackwardWeights::primitive_desc;
    const Desc desc = task.spec.bias ? Desc(engine(), direct, p_.x, p_.any, p_.bias, p_.y,
                                            p_.strides, p_.dilates, p_.pads, p_.pads, hint, plain())
                                     : Desc(engine(), direct, p_.x, p_.any, p_.y, p_.strides,
                                            p_.dilates, p_.pads, p_.pads, hint, plain());
    weights_ = desc.diff_weights_desc();
    scratchpad_ = desc.scratchpad_desc();
    if (weights_ != p_.stored) unpack_ = Relayout(weights_, p_.stored);
    primitive_ = BackwardWeights(desc);
    weights_at_ = align_up(scratchpad_.get_size());
    bias_at_ = weights_at_ + (unpack_ ? align_up(weights_.get_size()) : 0);
  }
  PlanInfo info() const { return {bias_at_ + align_up(p_.bias.get_size()), 0}; }

  Status run(void* const* arguments, void* scratch) const noexcept override {
    auto* bytes = static_cast<std::byte*>(scratch);
    void* dw = unpack_ ? bytes + weights_at_ : arguments[2];
    Arguments all;
    all.add(DNNL_ARG_SRC, p_.x, arguments[0]);
    all.add(DNNL_ARG_DIFF_DST, p_.y, arguments[1]);
    all.add(DNNL_ARG_DIFF_WEIGHTS, weights_, dw);
    all.add(DNNL_ARG_DIFF_BIAS, p_.bias, arguments[3] ? arguments[3] : bytes + bias_at_);
    all.add(DNNL_ARG_SCRATCHPAD, scratchpad_, scratch);
    const Status status = all.execute(primitive_);
    return status == Status::ok && unpack_ ? unpack_.run(dw, arguments[2]) : status;
  }

 private:
  Problem p_;
  memory::desc weights_, scratchpad_;
  Relayout unpack_;
  BackwardWeights primitive_;
  size_t weights_at_ = 0, bias_at_ = 0;
};

template <class P>
void make(const ConvTask& task, const OwnPlans& own, Plan** out, PlanInfo* info) {
  auto plan = std::make_unique<P>(task, own);
  *info = plan->info();
  *out = plan.release();
}

}  // namespace

void make_onednn(const ConvTask& task, const OwnPlans& own, Plan** out, PlanInfo* info) {
  switch (task.pass) {
    case ConvPass::forward:
      return make<ForwardPlan>(task, own, out, info);
    case ConvPass::backward_data:
      return make<BackwardDataPlan>(task, own, out, info);
    case ConvPass::backward_weights:
      return make<BackwardWeightsPlan>(task, own, out, info);
  }
}

}  // namespace trireme::cpu
