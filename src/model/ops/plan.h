#pragma once
// Kernel plans, owned.

#include <array>
#include <utility>

#include "model/op.h"

namespace trireme {

// Owns one plan of a kernel table; move-only.
class PlanHandle {
 public:
  PlanHandle() = default;
  PlanHandle(const KernelTable& kernels, Plan* plan, PlanInfo info)
      : kernels_(&kernels), plan_(plan), info_(info) {}
  PlanHandle(PlanHandle&& other) noexcept
      : kernels_(other.kernels_), plan_(std::exchange(other.plan_, nullptr)), info_(other.info_) {}
  PlanHandle& operator=(PlanHandle other) noexcept {
    std::swap(kernels_, other.kernels_);
    std::swap(plan_, other.plan_);
    std::swap(info_, other.info_);
    return *this;
  }
  ~PlanHandle() {
    if (plan_) kernels_->destroy(plan_);
  }

  explicit operator bool() const noexcept { return plan_ != nullptr; }
  size_t scratch_bytes() const noexcept { return info_.scratch_bytes; }
  // Where run() reads the weights param(i) from: the library's packed copy, or as stored.
  Ref weights(LowerContext& context, int i) const {
    return info_.pack_bytes > 0 ? context.packed(i, plan_, info_.pack_bytes) : context.weight(i);
  }
  // Arguments by position, as kernel_table.h lists them for the plan's kind.
  Status run(const Frame& f, std::array<const void*, 4> arguments, Ref scratch) const noexcept;
  // For a spec with leaves > 1: the gradient of all leaves of a piece.
  Status run_leaves(const Frame& f, int64_t leaves, const LeafProduct* products, float* result,
                    int64_t part, int64_t parts, Ref scratch) const noexcept;
  // Of several leaves, with one reading of B.
  Status run_blocks(const Frame& f, int64_t count, const RowBlock* blocks, const void* b,
                    const float* bias) const noexcept;

 private:
  const KernelTable* kernels_ = nullptr;
  Plan* plan_ = nullptr;
  PlanInfo info_{};
};

// Empty where the kernels refuse the spec as unsupported.
PlanHandle make_leaves_plan(const KernelTable& kernels, const MatmulSpec& spec);
// Throw DeviceError, naming the problem, when the kernels cannot do it.
PlanHandle make_plan(const KernelTable& kernels, const MatmulSpec& spec, bool pack_b);
PlanHandle make_plan(const KernelTable& kernels, const Conv2dSpec& spec, ConvPass pass);

// Scratch that several plans of one op use in turn. None when no plan needs any.
Ref shared_scratch(LowerContext& context, std::initializer_list<const PlanHandle*> plans);

// Scratch for the kernels that reduce a matrix [rows, cols]. None where they need none.
Ref reduction_scratch(LowerContext& context, int64_t rows, int64_t cols);

}  // namespace trireme
