#include "model/ops/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace trireme {

Status PlanHandle::run(const Frame& f, std::array<const void*, 4> arguments,
                       Ref scratch) const noexcept {
  std::array<void*, 4> plain;
  for (size_t i = 0; i < plain.size(); ++i) plain[i] = const_cast<void*>(arguments[i]);
  return kernels_->run(plan_, f.stream, plain.data(), f.at<void>(scratch));
}

Status PlanHandle::run_leaves(const Frame& f, int64_t leaves, const LeafProduct* products,
                              float* result, int64_t part, int64_t parts,
                              Ref scratch) const noexcept {
  return kernels_->run_leaves(plan_, f.stream, leaves, products, result, part, parts,
                              f.at<void>(scratch));
}

Status PlanHandle::run_blocks(const Frame& f, int64_t count, const RowBlock* blocks, const void* b,
                              const float* bias) const noexcept {
  return kernels_->run_blocks(plan_, f.stream, count, blocks, b, bias);
}

PlanHandle make_leaves_plan(const KernelTable& kernels, const MatmulSpec& spec) {
  Plan* plan = nullptr;
  PlanInfo info{};
  if (kernels.make_matmul(&spec, false, &plan, &info) != Status::ok) return {};
  return {kernels, plan, info};
}

PlanHandle make_plan(const KernelTable& kernels, const MatmulSpec& spec, bool pack_b) {
  Plan* plan = nullptr;
  PlanInfo info{};
  const Status status = kernels.make_matmul(&spec, pack_b, &plan, &info);
  if (status != Status::ok)
    throw DeviceError(fmt::format("matmul of {}x{} by {}x{}: the {} kernels refuse it (status {})",
                                  spec.m, spec.k, spec.k, spec.n, kernels.level,
                                  static_cast<int>(status)));
  return {kernels, plan, info};
}

PlanHandle make_plan(const KernelTable& kernels, const Conv2dSpec& spec, ConvPass pass) {
  Plan* plan = nullptr;
  PlanInfo info{};
  const Status status = kernels.make_conv2d(&spec, pass, &plan, &info);
  if (status != Status::ok)
    throw DeviceError(fmt::format(
        "conv2d of {} images {}x{}x{} with {} filters {}x{}: the {} kernels refuse it (status {})",
        spec.n, spec.c_in, spec.h, spec.w, spec.c_out, spec.kernel_h, spec.kernel_w, kernels.level,
        static_cast<int>(status)));
  return {kernels, plan, info};
}

Ref shared_scratch(LowerContext& context, std::initializer_list<const PlanHandle*> plans) {
  size_t bytes = 0;
  for (const PlanHandle* plan : plans) bytes = std::max(bytes, plan->scratch_bytes());
  return bytes > 0 ? context.scratch(bytes) : Ref{};
}

Ref reduction_scratch(LowerContext& context, int64_t rows, int64_t cols) {
  const size_t bytes = context.kernels().reduction_scratch(rows, cols);
  return bytes > 0 ? context.scratch(bytes) : Ref{};
}

}  // namespace trireme
