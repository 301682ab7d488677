#pragma once
// This level's convolutions and matrix products.

#include "kernels/cpu/own/kernels.h"
#include "kernels/cpu/own_plans.h"

namespace trireme::cpu::TRIREME_LEVEL {

PlanInfo conv_info(const ConvTask&) noexcept;
void conv_pack(const ConvTask&, const float* weights, float* packed, Share) noexcept;
void conv_run(const ConvTask&, void* const* arguments, float* scratch) noexcept;

// The convolutions of 3 x 3 that own/winograd.h computes.
bool is_winograd(const ConvTask&) noexcept;
PlanInfo winograd_info(const ConvTask&) noexcept;
void winograd_pack(const ConvTask&, const float* weights, float* packed, Share) noexcept;
void winograd_run(const ConvTask&, void* const* arguments, float* scratch) noexcept;
PlanInfo winograd_weights_info(const ConvTask&) noexcept;
void winograd_weights_run(const ConvTask&, void* const* arguments, float* scratch) noexcept;

PlanInfo matmul_info(const MatmulTask&) noexcept;
void matmul_pack(const MatmulTask&, const float* weights, float* packed, Share) noexcept;
void matmul_run(const MatmulTask&, void* const* arguments, float* scratch) noexcept;
void matmul_run_blocks(const MatmulTask&, int64_t blocks, const RowBlock*, const float* b,
                       const float* bias) noexcept;

const OwnPlans& own_plans() noexcept;

}  // namespace trireme::cpu::TRIREME_LEVEL
