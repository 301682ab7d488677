#include "kernels/cuda/own/fill.h"

#include "kernels/cuda/launch.h"

namespace trireme::cu {
namespace {

template <class T>
void fill_all(KernelTable& table) noexcept {
  fill_elementwise<T>(table);
  fill_activation<T>(table);
  fill_dropout<T>(table);
  fill_rows<T>(table);
  fill_softmax<T>(table);
  fill_max_pool<T>(table);
  fill_average_pool<T>(table);
  fill_batch_norm<T>(table);
  fill_batch_norm_backward<T>(table);
  fill_layer_norm<T>(table);
  fill_embedding_bag<T>(table);
  fill_dot_interaction<T>(table);
  fill_cross<T>(table);
  fill_factorization_machine<T>(table);
  fill_softmax_loss<T>(table);
  fill_losses<T>(table);
  fill_optimizer<T>(table);
  fill_batch_norm_channels(table);
  fill_flat(table);
  fill_normalise_bytes(table);
  fill_conclude_step(table);
}

}  // namespace

void fill_own_kernels(ElementType element, KernelTable& table) noexcept {
  table.element = element;
  switch (element) {
    case ElementType::f32:
      return fill_all<float>(table);
    case ElementType::bf16:
      return fill_all<__nv_bfloat16>(table);
    case ElementType::f16:
      return fill_all<__half>(table);
  }
}

}  // namespace trireme::cu
