#pragma once
// The CPU's plans. A Plan is immutable; run() may be called by many threads at once.

#include "kernels/kernel_table.h"

namespace trireme {

struct Plan {
  Plan() = default;
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  virtual ~Plan() = default;
  virtual Status run(void* const* arguments, void* scratch) const noexcept = 0;
  virtual Status pack(const float*, void*, int64_t, int64_t) const noexcept {
    return Status::unsupported;
  }
  virtual Status run_leaves(int64_t, const LeafProduct*, float*, int64_t, int64_t,
                            void*) const noexcept {
    return Status::unsupported;
  }
  virtual Status run_blocks(int64_t, const RowBlock*, const void*, const float*) const noexcept {
    return Status::unsupported;
  }
};

namespace cpu {

struct OwnPlans;
// `own`: the level's own kernels.
Status make_conv2d(const OwnPlans& own, const Conv2dSpec*, ConvPass, Plan** out,
                   PlanInfo* info) noexcept;
Status make_matmul(const OwnPlans& own, const MatmulSpec*, bool pack_b, Plan** out,
                   PlanInfo* info) noexcept;
Status pack(const Plan*, Stream*, const float* weights, void* packed, int64_t part,
            int64_t parts) noexcept;
Status run(const Plan*, Stream*, void* const* arguments, void* scratch) noexcept;
Status run_leaves(const Plan*, Stream*, int64_t leaves, const LeafProduct*, float* c, int64_t part,
                  int64_t parts, void* scratch) noexcept;
Status run_blocks(const Plan*, Stream*, int64_t blocks, const RowBlock*, const void* b,
                  const float* bias) noexcept;
void destroy(Plan*) noexcept;

}  // namespace cpu
}  // namespace trireme
