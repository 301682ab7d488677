#include "kernels/cuda/own/fill.h"

namespace trireme::cu {

void fill_own_kernels(KernelTable& table) noexcept {
  fill_elementwise(table);
  fill_activation(table);
  fill_dropout(table);
  fill_rows(table);
  fill_softmax(table);
  fill_max_pool(table);
  fill_average_pool(table);
  fill_batch_norm(table);
  fill_batch_norm_channels(table);
  fill_layer_norm(table);
  fill_softmax_loss(table);
  fill_losses(table);
  fill_flat(table);
  fill_conclude_step(table);
  fill_optimizer(table);
}

}  // namespace trireme::cu
