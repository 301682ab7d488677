// C = act(op(A) op(B) + bias): transposes are strides, accumulation is a sum post-op.
#include <memory>

#include "kernels/cpu/onednn.h"
#include "kernels/cpu/own_plan.h"
#include "kernels/cpu/plan.h"

namespace trireme::cpu {
namespace {

using dnnl::memory;

memory::desc matrix(int64_t rows, int64_t cols, bool transposed) {
  const memory::dims strides = transposed ? memory::dims{1, rows} : memory::dims{cols, 1};
  return {memory::dims{rows, cols}, memory::data_type::f32, strides};
}

class MatmulPlan : public Plan {
 public:
  MatmulPlan(const MatmulSpec& s, bool pack_b)
      : a_(matrix(s.m, s.k, s.transpose_a)),
        b_(matrix(s.k, s.n, s.transpose_b)),
        c_(matrix(s.m, s.n, false)) {
    if (s.bias) bias_ = matrix(1, s.n, false);
    const memory::desc any(memory::dims{s.k, s.n}, memory::data_type::f32,
                           memory::format_tag::any);
    const auto attr = attributes(s.activation, s.alpha, s.write == Write::add);
    const memory::desc wanted = pack_b ? any : b_;
    using Desc = dnnl::matmul::primitive_desc;
    const Desc desc = s.bias ? Desc(engine(), a_, wanted, bias_, c_, attr)
                             : Desc(engine(), a_, wanted, c_, attr);
    scratchpad_ = desc.scratchpad_desc();
    if (desc.weights_desc() != b_) {
      pack_ = Relayout(b_, desc.weights_desc());
      b_ = desc.weights_desc();
    }
    primitive_ = dnnl::matmul(desc);
  }

  PlanInfo info() const { return {scratchpad_.get_size(), pack_ ? b_.get_size() : 0}; }

  Status run(void* const* arguments, void* scratch) const noexcept override {
    Arguments all;
    all.add(DNNL_ARG_SRC, a_, arguments[0]);
    all.add(DNNL_ARG_WEIGHTS, b_, arguments[1]);
    all.add(DNNL_ARG_BIAS, bias_, arguments[2]);
    all.add(DNNL_ARG_DST, c_, arguments[3]);
    all.add(DNNL_ARG_SCRATCHPAD, scratchpad_, scratch);
    return all.execute(primitive_);
  }

  Status pack(const float* weights, void* packed) const noexcept override {
    return pack_ ? pack_.run(weights, packed) : Status::unsupported;
  }

 private:
  memory::desc a_, b_, bias_, c_, scratchpad_;
  Relayout pack_;
  dnnl::matmul primitive_;
};

// The product of no rows or no columns.
class NothingPlan : public Plan {
 public:
  Status run(void* const*, void*) const noexcept override { return Status::ok; }
};

// What own/matmul.cpp computes.
bool is_dense(const MatmulSpec& s, bool pack_b) {
  return (pack_b ? !s.transpose_a : s.transpose_a && !s.transpose_b) && is_epilogue(s.activation);
}

bool valid(const MatmulSpec& s) {
  const bool plain = !s.bias && s.activation == Activation::none;
  return s.m >= 0 && s.n >= 0 && s.k >= 1 && (s.write == Write::set || plain);
}

}  // namespace

Status make_matmul(const OwnPlans* own, const MatmulSpec* spec, bool pack_b, Plan** out,
                   PlanInfo* info) noexcept {
  *out = nullptr;
  *info = {};
  if (!valid(*spec)) return Status::invalid;
  return guarded([&] {
    if (spec->m == 0 || spec->n == 0) {
      *out = new NothingPlan;
      return;
    }
    if (own && is_dense(*spec, pack_b))
      return make_own(own->matmul, MatmulTask{*spec, pack_b}, out, info);
    auto plan = std::make_unique<MatmulPlan>(*spec, pack_b);
    *info = plan->info();
    *out = plan.release();
  });
}

}  // namespace trireme::cpu
