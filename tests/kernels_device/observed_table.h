#pragma once
#include "kernels/kernel_table.h"
#include "tensor/device.h"

namespace trireme::test {

// `kernels`, run one at a time: an entry that fails, or is given memory that the device cannot see
// (anything but device_visible_memory()), or after which waiting for the device fails, fails the
// running test and says why. All of them are the process's only ones.
const KernelTable& observe(const KernelTable& kernels, const Device& device);

}  // namespace trireme::test
