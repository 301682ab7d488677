#include "cuda_shim/table.h"

#include <array>

#include "kernels/cuda/own/fill.h"

namespace trireme::cuda_shim {
namespace {

KernelTable make_table(ElementType element) {
  KernelTable t{};
  t.build_id = TRIREME_BUILD_ID;
  t.level = "cuda_shim";
  cu::fill_own_kernels(element, t);
  return t;
}

}  // namespace

const KernelTable& kernels(ElementType element) {
  static const std::array<KernelTable, 3> tables{
      make_table(ElementType::f32), make_table(ElementType::bf16), make_table(ElementType::f16)};
  return tables[static_cast<size_t>(element)];
}

}  // namespace trireme::cuda_shim
