#pragma once
// CollectiveFunctions among processes of one host, for plugins whose device is host memory: sums in
// the order of ranks, over a piece of shared memory. Of collectives all_reduce alone, which is all
// that training uses; it can be recorded, as the shim's kernels can.

#include "tensor/collective_functions.h"

namespace trireme::cuda_shim {

const CollectiveFunctions& shared_collectives();

}  // namespace trireme::cuda_shim
