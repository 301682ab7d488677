#pragma once
// Our own convolutions and matrix products of one instruction level, as the plans call them.
// own/conv.cpp and own/matmul.cpp say how they work; the plans say when they are chosen.

#include "kernels/kernel_table.h"

namespace trireme::cpu {

struct ConvTask {
  Conv2dSpec spec;
  ConvPass pass;
  int64_t out_h, out_w;
};

struct MatmulTask {
  MatmulSpec spec;
  bool pack_b;
};

// What one of several threads does of something: every parts-th piece from its own.
struct Share {
  int64_t part, parts;
  bool has(int64_t piece) const { return piece % parts == part; }
};

// Arguments of run as kernel_table.h lists them for the plan. Everything is 64-byte aligned scratch
// and packed memory of the sizes that info says; the activation is none or relu.
template <class Task>
struct OwnProduct {
  PlanInfo (*info)(const Task&) noexcept;
  void (*pack)(const Task&, const float* weights, float* packed, Share) noexcept;
  void (*run)(const Task&, void* const* arguments, float* scratch) noexcept;
};

struct OwnPlans {
  bool preferred;  // where the level has fused multiply-adds; elsewhere the library is faster
  decltype(KernelTable::activation_forward) activation;
  OwnProduct<ConvTask> convolution;
  OwnProduct<MatmulTask> matmul;
  // KernelTable::run_leaves, for a plan in the columns form of own/matmul.cpp, and run_blocks, for
  // the others.
  void (*matmul_leaves)(const MatmulTask&, int64_t leaves, const LeafProduct*, float* c, Share,
                        float* scratch) noexcept;
  void (*matmul_blocks)(const MatmulTask&, int64_t blocks, const RowBlock*, const float* b,
                        const float* bias) noexcept;
};

}  // namespace trireme::cpu
