// Which kernels compute a plan. The rule looks at the problem and the instruction level alone:
//   ours    convolutions without groups whose kernel rows are contiguous (dilation_w 1); products
//   with a
//           packed B (dense forward and backward data) and the products A^T B of weight gradients
//   oneDNN  the rest, and everything on a level without fused multiply-adds
// bench/kernel_bench.cpp times ours on the shapes of LeNet-5, small CNNs, ResNet-20 and MLPs. The
// rule was measured on AVX2; on AVX-512 convolutions of 3 x 3 (own/winograd.h) alone.
#include <cstring>

#include "kernels/cpu/onednn.h"
#include "kernels/cpu/own_plan.h"
#include "kernels/cpu/plan.h"

namespace trireme::cpu {
namespace {

// Activations that a product may end with.
bool is_epilogue(Activation a) {
  return a == Activation::none || a == Activation::relu || a == Activation::leaky_relu ||
         a == Activation::sigmoid || a == Activation::tanh;
}

bool is_ours(const ConvTask& task) {
  return task.spec.groups == 1 && (task.spec.dilation_w == 1 || task.spec.kernel_w == 1);
}

bool is_ours(const MatmulTask& task) {
  const MatmulSpec& s = task.spec;
  return task.pack_b ? !s.transpose_a : s.transpose_a && !s.transpose_b;
}

template <class Task>
Status make(const OwnPlans& own, const Task& task, Plan** out, PlanInfo* info) {
  if (!is_epilogue(task.spec.activation)) return Status::unsupported;
  return guarded([&] {
    own.preferred&& is_ours(task) ? make_own(own, task, out, info)
                                  : make_onednn(task, own, out, info);
  });
}

int64_t extent(int64_t in, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
  const int64_t room = in + 2 * pad - dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

// No samples: only the gradients of the parameters have elements, and they are zero.
class EmptyPlan : public Plan {
 public:
  EmptyPlan(const Conv2dSpec& s, ConvPass pass)
      : weights_(pass == ConvPass::backward_weights
                     ? static_cast<size_t>(s.c_out * s.kernel_h * s.kernel_w * s.c_in / s.groups)
                     : 0),
        bias_(s.bias ? static_cast<size_t>(s.c_out) : 0) {}
  Status run(void* const* arguments, void*) const noexcept override {
    if (weights_ == 0) return Status::ok;
    std::memset(arguments[2], 0, weights_ * sizeof(float));
    if (bias_ > 0 && arguments[3]) std::memset(arguments[3], 0, bias_ * sizeof(float));
    return Status::ok;
  }

 private:
  size_t weights_, bias_;
};

bool valid(const Conv2dSpec& s) {
  const bool sizes = s.n >= 0 && s.h > 0 && s.w > 0 && s.c_in > 0 && s.c_out > 0 && s.groups > 0;
  const bool window = s.kernel_h > 0 && s.kernel_w > 0 && s.stride_h > 0 && s.stride_w > 0 &&
                      s.pad_h >= 0 && s.pad_w >= 0 && s.dilation_h > 0 && s.dilation_w > 0;
  return sizes && window && s.c_in % s.groups == 0 && s.c_out % s.groups == 0 &&
         extent(s.h, s.kernel_h, s.stride_h, s.pad_h, s.dilation_h) > 0 &&
         extent(s.w, s.kernel_w, s.stride_w, s.pad_w, s.dilation_w) > 0;
}

// The product of no rows or no columns.
class NothingPlan : public Plan {
 public:
  Status run(void* const*, void*) const noexcept override { return Status::ok; }
};

bool valid(const MatmulSpec& s) {
  const bool plain = !s.bias && s.activation == Activation::none;
  const bool leaves = s.leaves == 1 || (s.leaves > 1 && s.leaves <= 4096 && plain &&
                                        (s.leaves & (s.leaves - 1)) == 0);
  return s.m >= 0 && s.n >= 0 && s.k >= 1 && leaves &&
         ((s.write == Write::set && !s.full_result) || plain);
}

Status make_leaves(const OwnPlans& own, const MatmulTask& task, Plan** out, PlanInfo* info) {
  if (!own.preferred || task.pack_b || !is_ours(task)) return Status::unsupported;
  return guarded([&] { make_own(own, task, out, info); });
}

}  // namespace

Status make_conv2d(const OwnPlans& own, const Conv2dSpec* spec, ConvPass pass, Plan** out,
                   PlanInfo* info) noexcept {
  *out = nullptr;
  *info = {};
  const Conv2dSpec& s = *spec;
  if (!valid(s)) return Status::invalid;
  if (s.n == 0) return guarded([&] { *out = new EmptyPlan(s, pass); });
  const ConvTask task{s, pass, extent(s.h, s.kernel_h, s.stride_h, s.pad_h, s.dilation_h),
                      extent(s.w, s.kernel_w, s.stride_w, s.pad_w, s.dilation_w)};
  return make(own, task, out, info);
}

Status make_matmul(const OwnPlans& own, const MatmulSpec* spec, bool pack_b, Plan** out,
                   PlanInfo* info) noexcept {
  *out = nullptr;
  *info = {};
  if (!valid(*spec)) return Status::invalid;
  if (spec->leaves > 1) return make_leaves(own, MatmulTask{*spec, pack_b}, out, info);
  if (spec->m == 0 || spec->n == 0) return guarded([&] { *out = new NothingPlan; });
  return make(own, MatmulTask{*spec, pack_b}, out, info);
}

}  // namespace trireme::cpu
