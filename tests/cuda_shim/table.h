#pragma once
#include "kernels/kernel_table.h"

namespace trireme::cuda_shim {

// Our own CUDA kernels for Elements of a type, compiled for this machine and run by the shim; the
// entries of the libraries (plans) are null.
const KernelTable& kernels(ElementType element = ElementType::f32);

}  // namespace trireme::cuda_shim
