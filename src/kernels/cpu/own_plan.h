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

// The weight gradient of several leaves.
class OwnLeavesPlan final : public OwnPlan<MatmulTask> {
 public:
  OwnLeavesPlan(const OwnPlans& own, const MatmulTask& task)
      : OwnPlan(own.matmul, task), run_(own.matmul_leaves), task_(task) {}
  Status run_leaves(int64_t leaves, const LeafProduct* products, float* c,
                    void* scratch) const noexcept override {
    if (leaves > task_.spec.leaves) return Status::invalid;
    run_(task_, leaves, products, c, static_cast<float*>(scratch));
    return Status::ok;
  }

 private:
  decltype(OwnPlans::matmul_leaves) run_;
  MatmulTask task_;
};

template <class Task>
void make_own(const OwnProduct<Task>& product, const Task& task, Plan** out, PlanInfo* info) {
  auto plan = std::make_unique<OwnPlan<Task>>(product, task);
  *info = plan->info();
  *out = plan.release();
}

}  // namespace trireme::cpu
