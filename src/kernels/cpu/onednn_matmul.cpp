// C = op(A) op(B) + bias: transposes are strides, accumulation is a sum post-op.
#include <memory>

#include "kernels/cpu/onednn.h"
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
  MatmulPlan(const MatmulTask& task, const OwnPlans& own)
      : MatmulPlan(task.spec, task.pack_b, own) {}
  MatmulPlan(const MatmulSpec& s, bool pack_b, const OwnPlans& own)
      : end_(own, s),
        a_(matrix(s.m, s.k, s.transpose_a)),
        b_(matrix(s.k, s.n, s.transpose_b)),
        c_(matrix(s.m, s.n, false)) {
    if (s.bias) bias_ = matrix(1, s.n, false);
    const memory::desc any(memory::dims{s.k, s.n}, memory::data_type::f32, memory::format_tag::any);
    const auto attr = attributes(s.write == Write::add);
    const memory::desc wanted = pack_b ? any : b_;
    using Desc = dnnl::matmul::primitive_desc;
    const Desc desc =
        s.bias ? Desc(engine(), a_, wanted, bias_, c_, attr) : Desc(engine(), a_, wanted, c_, attr);
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
    const Status status = all.execute(primitive_);
    return status == Status::ok ? end_.run(c_.get_size() / sizeof(float), arguments[3]) : status;
  }

  Status pack(const float* weights, void* packed, int64_t part, int64_t) const noexcept override {
    if (!pack_) return Status::unsupported;
    return part == 0 ? pack_.run(weights, packed) : Status::ok;
  }

 private:
  Epilogue end_;
  memory::desc a_, b_, bias_, c_, scratchpad_;
  Relayout pack_;
  dnnl::matmul primitive_;
};

}  // namespace

void make_onednn(const MatmulTask& task, const OwnPlans& own, Plan** out, PlanInfo* info) {
  auto plan = std::make_unique<MatmulPlan>(task, own);
  *info = plan->info();
  *out = plan.release();
}

}  // namespace trireme::cpu
