#pragma once
#include "kernels/kernel_table.h"

namespace trireme::cuda_shim {

// Our own CUDA kernels, compiled for this machine and run by the shim; the entries of the libraries
// (plans) are null.
const KernelTable& kernels();

}  // namespace trireme::cuda_shim
