#pragma once
// A plan that our own kernels compute.

#include <memory>

#include "kernels/cpu/own_plans.h"
#include "kernels/cpu/plan.h"

namespace trireme::cpu {

template <class Task>
class OwnPlan : public Plan {
 public:
  OwnPlan(const OwnProduct<Task>& product, const Task& task)
      : product_(product), task_(task), info_(product.info(task)) {}
  PlanInfo info() const { return info_; }

  Status run(void* const* arguments, void* scratch) const noexcept override {
    product_.run(task_, arguments, static_cast<float*>(scratch));
    return Status::ok;
  }
  Status pack(const float* weights, void* packed, int64_t part,
              int64_t parts) const noexcept override {
    if (info_.pack_bytes == 0) return Status::unsupported;
    product_.pack(task_, weights, static_cast<float*>(packed), {part, parts});
    return Status::ok;
  }

 private:
  OwnProduct<Task> product_;
  Task task_;
  PlanInfo info_;
};

class OwnMatmulPlan final : public OwnPlan<MatmulTask> {
 public:
  OwnMatmulPlan(const OwnPlans& own, const MatmulTask& task)
      : OwnPlan(own.matmul, task),
        leaves_(own.matmul_leaves),
        blocks_(own.matmul_blocks),
        task_(task) {}
  Status run_leaves(int64_t leaves, const LeafProduct* products, float* c, int64_t part,
                    int64_t parts, void* scratch) const noexcept override {
    if (task_.pack_b || leaves > task_.spec.leaves) return Status::invalid;
    leaves_(task_, leaves, products, c, {part, parts}, static_cast<float*>(scratch));
    return Status::ok;
  }
  Status run_blocks(int64_t blocks, const RowBlock* of, const void* b,
                    const float* bias) const noexcept override {
    if (!task_.pack_b) return Status::invalid;
    blocks_(task_, blocks, of, static_cast<const float*>(b), bias);
    return Status::ok;
  }

 private:
  decltype(OwnPlans::matmul_leaves) leaves_;
  decltype(OwnPlans::matmul_blocks) blocks_;
  MatmulTask task_;
};

inline void make_own(const OwnPlans& own, const ConvTask& task, Plan** out, PlanInfo* info) {
  auto plan = std::make_unique<OwnPlan<ConvTask>>(own.convolution, task);
  *info = plan->info();
  *out = plan.release();
}

inline void make_own(const OwnPlans& own, const MatmulTask& task, Plan** out, PlanInfo* info) {
  auto plan = std::make_unique<OwnMatmulPlan>(own, task);
  *info = plan->info();
  *out = plan.release();
}

}  // namespace trireme::cpu
