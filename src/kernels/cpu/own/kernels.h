#pragma once
// Our own CPU kernels. Each .cpp beside this header is compiled once per instruction level, with
// TRIREME_LEVEL naming the level's namespace; kernel_table.h says what every function computes.
// No standard-library templates here: their weak symbols would leak the newer instructions into
// code that runs on older machines. Sums use a fixed number of accumulators, whatever the length.

#include "kernels/kernel_table.h"

namespace trireme::cpu::TRIREME_LEVEL {

// Sets every entry except the plans.
void fill_table(KernelTable& table) noexcept;

Status fill(Stream*, int64_t n, float value, float* y) noexcept;
Status copy(Stream*, int64_t n, const float* x, float* y) noexcept;
Status add(Stream*, int64_t n, const float* a, const float* b, float* y) noexcept;
Status accumulate(Stream*, int64_t n, const float* x, float* y) noexcept;
Status scale(Stream*, int64_t n, float factor, float* x) noexcept;
Status to_bf16(Stream*, int64_t n, const float* x, Bf16* y) noexcept;
Status from_bf16(Stream*, int64_t n, const Bf16* x, float* y) noexcept;
Status normalise_bytes(Stream*, int64_t n, int64_t channels, const uint8_t* x, const float* mean,
                       const float* scale, float* y) noexcept;
Status activation_forward(Stream*, Activation, float alpha, int64_t n, const float* x,
                          float* y) noexcept;
Status activation_backward(Stream*, Activation, float alpha, int64_t n, const float* x,
                           const float* y, const float* dy, float* dx, Write) noexcept;
Status dropout_forward(Stream*, const DropoutSpec*, const SampleKey* keys, const float* x,
                       float* y) noexcept;
Status dropout_backward(Stream*, const DropoutSpec*, const SampleKey* keys, const float* dy,
                        float* dx, Write) noexcept;

size_t reduction_scratch(int64_t rows, int64_t cols) noexcept;
Status column_sum(Stream*, int64_t rows, int64_t cols, const float* x, float* y, Write,
                  void* scratch) noexcept;
Status copy_columns(Stream*, int64_t rows, int64_t cols, const float* src, int64_t src_stride,
                    float* dst, int64_t dst_stride, Write) noexcept;
Status transpose_samples(Stream*, int64_t n, int64_t rows, int64_t cols, const float* x, float* y,
                         Write) noexcept;
Status softmax_forward(Stream*, int64_t rows, int64_t cols, const float* x, float* y) noexcept;
Status softmax_backward(Stream*, int64_t rows, int64_t cols, const float* y, const float* dy,
                        float* dx, Write) noexcept;

Status max_pool_forward(Stream*, const Pool2dSpec*, const float* x, float* y,
                        uint8_t* index) noexcept;
Status max_pool_backward(Stream*, const Pool2dSpec*, const float* dy, const uint8_t* index,
                         float* dx, Write) noexcept;
Status average_pool_forward(Stream*, const Pool2dSpec*, const float* x, float* y) noexcept;
Status average_pool_backward(Stream*, const Pool2dSpec*, const float* dy, float* dx,
                             Write) noexcept;

Status batch_norm_sums(Stream*, int64_t rows, int64_t channels, const float* x, double* sums,
                       void* scratch, const BatchNormStatistics*) noexcept;
Status batch_norm_forward(Stream*, int64_t rows, int64_t channels, const float* x,
                          const float* mean, const float* rstd, const float* gamma,
                          const float* beta, const float* addend, Activation, float* y) noexcept;
Status batch_norm_backward_sums(Stream*, int64_t rows, int64_t channels, const float* x,
                                const float* y, const float* dy, const float* more,
                                const float* mean, const float* rstd, const float* gamma,
                                const float* beta, Activation, float* g, double* sums,
                                void* scratch, const BatchNormGradients*) noexcept;
Status batch_norm_backward(Stream*, int64_t rows, int64_t channels, const float* x, const float* y,
                           const float* dy, const float* mean, const float* rstd,
                           const float* gamma, const float* beta, const float* mean_g,
                           const float* mean_gx, Activation, float* dx, Write dx_write,
                           float* daddend, Write daddend_write) noexcept;
Status batch_norm_statistics(Stream*, int64_t channels, double count, double epsilon,
                             const double* sums, float* mean, float* rstd) noexcept;
Status batch_norm_rstd(Stream*, int64_t channels, double epsilon, const float* variance,
                       float* rstd) noexcept;
Status batch_norm_running(Stream*, int64_t layers, const RunningStatistics*,
                          const OptimizerScalars* scalars) noexcept;
Status batch_norm_means(Stream*, int64_t channels, double count, const double* sums, float* mean_g,
                        float* mean_gx) noexcept;
Status layer_norm_forward(Stream*, int64_t rows, int64_t cols, float epsilon, const float* x,
                          const float* gamma, const float* beta, float* y, float* mean,
                          float* rstd) noexcept;
Status layer_norm_backward(Stream*, int64_t rows, int64_t cols, const float* x, const float* gamma,
                           const float* mean, const float* rstd, const float* dy, float* dx, Write,
                           float* dgamma, float* dbeta, Write parameter_write,
                           void* scratch) noexcept;

Status embedding_bag_forward(Stream*, const EmbeddingBagSpec*, const TableLeaf*, float* y,
                             int32_t* counts) noexcept;
Status embedding_bag_backward(Stream*, const EmbeddingBagSpec*, const TableLeaf*, const float* dy,
                              const int32_t* counts) noexcept;
Status dot_interaction_forward(Stream*, int64_t samples, int64_t rows, int64_t dim, const float* z,
                               const float* x, float* y) noexcept;
Status dot_interaction_backward(Stream*, int64_t samples, int64_t rows, int64_t dim, const float* z,
                                const float* x, const float* dy, float* dz, Write dz_write,
                                float* dx, Write dx_write) noexcept;
Status cross_forward(Stream*, int64_t samples, int64_t dim, const float* x0, const float* x,
                     const float* weight, const float* bias, float* y) noexcept;
Status cross_backward(Stream*, int64_t samples, int64_t dim, const float* x0, const float* x,
                      const float* weight, const float* bias, const float* dy, float* dx0,
                      Write dx0_write, float* dx, Write dx_write, float* dweight,
                      Write dweight_write, float* dbias, Write dbias_write, float* slopes,
                      void* scratch) noexcept;
Status factorization_machine_forward(Stream*, int64_t samples, int64_t rows, int64_t dim,
                                     bool reduce, const float* x, float* y) noexcept;
Status factorization_machine_backward(Stream*, int64_t samples, int64_t rows, int64_t dim,
                                      bool reduce, const float* x, const float* dy, float* dx,
                                      Write) noexcept;

Status softmax_cross_entropy(Stream*, int64_t rows, int64_t cols, const float* logits,
                             const int64_t* labels, const float* sample_weight,
                             const float* class_weight, float smoothing, LossSums* sums,
                             float* dlogits, Write, const float* loss_scale,
                             void* scratch) noexcept;
Status sigmoid_cross_entropy(Stream*, int64_t rows, int64_t cols, const float* logits,
                             const float* targets, const float* sample_weight,
                             float positive_weight, LossSums* sums, float* dlogits, Write,
                             const float* loss_scale, void* scratch) noexcept;
Status binary_targets(Stream*, int64_t n, const int64_t* labels, float* targets) noexcept;
Status regression(Stream*, Regression, float delta, int64_t rows, int64_t cols,
                  const float* prediction, const float* targets, const float* sample_weight,
                  LossSums* sums, float* dprediction, Write, const float* loss_scale,
                  void* scratch) noexcept;
Status hinge(Stream*, int64_t rows, int64_t cols, bool squared, float margin, const float* logits,
             const int64_t* labels, const float* sample_weight, LossSums* sums, float* dlogits,
             Write, const float* loss_scale, void* scratch) noexcept;

Status sums_of_squares(Stream*, int64_t n, const float* x, double* partials) noexcept;
Status conclude_step(Stream*, const StepEnd*, const double* partials, const double* loss_sums,
                     OptimizerScalars* scalars, StepVerdict* verdict) noexcept;
Status optimizer_step(Stream*, const OptimizerSpec*, const OptimizerScalars*, const SlotRules*,
                      int64_t begin, int64_t n, const float* grad, float* weights, float* state0,
                      float* state1, float* state2, float* ema, float* low) noexcept;

}  // namespace trireme::cpu::TRIREME_LEVEL
