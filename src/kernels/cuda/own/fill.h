#pragma once
// Our own CUDA kernels, twins of src/kernels/cpu/own: kernel_table.h says what every function
// computes. One file a family; each sets its family's entries, for Elements of type T: float,
// __nv_bfloat16 or __half. Compiled by nvcc into the plugin, and by the C++ compiler for the tests
// (kernels/cuda/launch.h).

#include "kernels/kernel_table.h"

namespace trireme::cu {

template <class T>
void fill_elementwise(KernelTable& table) noexcept;
template <class T>
void fill_activation(KernelTable& table) noexcept;
template <class T>
void fill_dropout(KernelTable& table) noexcept;
template <class T>
void fill_rows(KernelTable& table) noexcept;
template <class T>
void fill_softmax(KernelTable& table) noexcept;
template <class T>
void fill_max_pool(KernelTable& table) noexcept;
template <class T>
void fill_average_pool(KernelTable& table) noexcept;
template <class T>
void fill_batch_norm(KernelTable& table) noexcept;
template <class T>
void fill_batch_norm_backward(KernelTable& table) noexcept;
template <class T>
void fill_layer_norm(KernelTable& table) noexcept;
template <class T>
void fill_embedding_bag(KernelTable& table) noexcept;
template <class T>
void fill_dot_interaction(KernelTable& table) noexcept;
template <class T>
void fill_cross(KernelTable& table) noexcept;
template <class T>
void fill_factorization_machine(KernelTable& table) noexcept;
template <class T>
void fill_softmax_loss(KernelTable& table) noexcept;
template <class T>
void fill_losses(KernelTable& table) noexcept;
template <class T>
void fill_optimizer(KernelTable& table) noexcept;

// Those that know nothing of Elements.
void fill_batch_norm_channels(KernelTable& table) noexcept;
void fill_flat(KernelTable& table) noexcept;
void fill_normalise_bytes(KernelTable& table) noexcept;
void fill_conclude_step(KernelTable& table) noexcept;

// All of them: `element`, and every entry except the plans.
void fill_own_kernels(ElementType element, KernelTable& table) noexcept;

}  // namespace trireme::cu
