#include "kernels/cpu/own/kernels.h"

namespace trireme::cpu::TRIREME_LEVEL {

void fill_table(KernelTable& t) noexcept {
  t.fill = fill;
  t.copy = copy;
  t.add = add;
  t.accumulate = accumulate;
  t.scale = scale;
  t.widen = t.narrow = t.copy_full = copy;
  t.accumulate_full = accumulate;
  t.to_bf16 = to_bf16;
  t.from_bf16 = from_bf16;
  t.normalise_bytes = normalise_bytes;
  t.activation_forward = activation_forward;
  t.activation_backward = activation_backward;
  t.dropout_forward = dropout_forward;
  t.dropout_backward = dropout_backward;
  t.reduction_scratch = reduction_scratch;
  t.column_sum = column_sum;
  t.copy_columns = copy_columns;
  t.transpose_samples = transpose_samples;
  t.softmax_forward = softmax_forward;
  t.softmax_backward = softmax_backward;
  t.max_pool_forward = max_pool_forward;
  t.max_pool_backward = max_pool_backward;
  t.average_pool_forward = average_pool_forward;
  t.average_pool_backward = average_pool_backward;
  t.batch_norm_sums = batch_norm_sums;
  t.batch_norm_forward = batch_norm_forward;
  t.batch_norm_backward_sums = batch_norm_backward_sums;
  t.batch_norm_backward = batch_norm_backward;
  t.batch_norm_statistics = batch_norm_statistics;
  t.batch_norm_rstd = batch_norm_rstd;
  t.batch_norm_running = batch_norm_running;
  t.batch_norm_means = batch_norm_means;
  t.layer_norm_forward = layer_norm_forward;
  t.layer_norm_backward = layer_norm_backward;
  t.embedding_bag_forward = embedding_bag_forward;
  t.embedding_bag_backward = embedding_bag_backward;
  t.dot_interaction_forward = dot_interaction_forward;
  t.dot_interaction_backward = dot_interaction_backward;
  t.cross_forward = cross_forward;
  t.cross_backward = cross_backward;
  t.factorization_machine_forward = factorization_machine_forward;
  t.factorization_machine_backward = factorization_machine_backward;
  t.softmax_cross_entropy = softmax_cross_entropy;
  t.sigmoid_cross_entropy = sigmoid_cross_entropy;
  t.binary_targets = binary_targets;
  t.regression = regression;
  t.hinge = hinge;
  t.sums_of_squares = sums_of_squares;
  t.conclude_step = conclude_step;
  t.optimizer_step = optimizer_step;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
