#include "cuda_shim/table.h"

#include "kernels/cuda/own/fill.h"

namespace trireme::cuda_shim {

const KernelTable& kernels() {
  static const KernelTable table = [] {
    KernelTable t{};
    t.build_id = TRIREME_BUILD_ID;
    t.level = "cuda_shim";
    cu::fill_own_kernels(t);
    return t;
  }();
  return table;
}

}  // namespace trireme::cuda_shim
