#pragma once
// Steps that are recorded and replayed, as CUDA's graphs are: while the calling thread records, the
// shim's kernels, copies and plans do nothing, and are kept with the pointers and sizes that they
// were given. A recorded step that depends on anything else shows when it is replayed.

#include <functional>

#include "kernels/kernel_table.h"
#include "tensor/device_functions.h"

namespace trireme::cuda_shim {

bool recording();
// Runs when what is recorded now is replayed; false: it failed.
void record(std::function<bool()> work);

// Host memory, copies that can be recorded, recorded steps.
const DeviceFunctions& functions();
// A context for them that is not null, as a device's.
DeviceContext* context();
// Our CUDA kernels in fp32, with the CPU's plans, for who runs whole programs.
const KernelTable& kernels_with_cpu_plans();

}  // namespace trireme::cuda_shim
