#pragma once
// Our own CUDA kernels, twins of src/kernels/cpu/own: kernel_table.h says what every function
// computes. One file a family; each sets its family's entries. Compiled by nvcc into the plugin,
// and by the C++ compiler for the tests (kernels/cuda/launch.h).

#include "kernels/kernel_table.h"

namespace trireme::cu {

void fill_elementwise(KernelTable& table) noexcept;
void fill_activation(KernelTable& table) noexcept;
void fill_dropout(KernelTable& table) noexcept;
void fill_rows(KernelTable& table) noexcept;
void fill_softmax(KernelTable& table) noexcept;
void fill_max_pool(KernelTable& table) noexcept;
void fill_average_pool(KernelTable& table) noexcept;
void fill_batch_norm(KernelTable& table) noexcept;
void fill_batch_norm_channels(KernelTable& table) noexcept;
void fill_layer_norm(KernelTable& table) noexcept;
void fill_softmax_loss(KernelTable& table) noexcept;
void fill_losses(KernelTable& table) noexcept;
void fill_flat(KernelTable& table) noexcept;
void fill_conclude_step(KernelTable& table) noexcept;
void fill_optimizer(KernelTable& table) noexcept;

// All of them: every entry except the plans, build_id and level.
void fill_own_kernels(KernelTable& table) noexcept;

}  // namespace trireme::cu
