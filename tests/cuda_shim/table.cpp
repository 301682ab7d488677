#include "cuda_shim/table.h"

#include <map>

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
  static const std::map<ElementType, KernelTable> tables{
      {ElementType::f32, make_table(ElementType::f32)},
      {ElementType::bf16, make_table(ElementType::bf16)},
      {ElementType::f16, make_table(ElementType::f16)}};
  return tables.at(element);
}

}  // namespace trireme::cuda_shim
