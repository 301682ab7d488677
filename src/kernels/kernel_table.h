#pragma once
// What a device can compute: plans for what a library does best (convolution, matrix products),
// plain functions for the rest. The CPU fills one table per instruction level; a plugin returns its
// own.
//
// Conventions, for every entry:
//   * Activations of images are N,H,W,C in memory; everything else is row-major. fp32 unless said,
//     but for what is declared as an Element.
//   * Pointers are device memory, 64-byte aligned at buffer starts. Scratch comes from the caller.
//     That includes labels, SampleKey, OptimizerScalars, LossSums and all sums: nothing that a
//     kernel reads or writes has to pass through the host inside a step. Only a Spec, and what is
//     said to be host memory, is; it is read before the call returns.
//   * `Write::set` overwrites the result, `Write::add` adds to it.
//   * noexcept; a failure is a Status. No allocation after a plan was made.
//   * What only the data can show, a device does not wait for: where the CPU returns
//     Status::invalid for a label or a step out of range, a device makes the result say so (a NaN
//     loss; see the losses and optimizer_step).
//   * Results depend on the arguments alone, never on the thread or on earlier calls.
//   * n == 0 is legal and does nothing (sums are then zero).
//   * Reductions have an order that depends on shapes alone: the same call gives the same bits.

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_types.h"
#include "kernels/table_leaf.h"

namespace trireme {

struct KernelTable {
  uint64_t build_id;
  const char* level;  // "x86-64-v3", "x86-64-v4", "baseline", "sm_90"
  ElementType element;

  // From here on a table is function pointers only (kFirstEntry).

  // ---- plans: compile time only
  Status (*make_conv2d)(const Conv2dSpec*, ConvPass, Plan** out, PlanInfo* info) noexcept;
  Status (*make_matmul)(const MatmulSpec*, bool pack_b, Plan** out, PlanInfo* info) noexcept;
  // Part `part` of `parts` of it: the parts of a plan may be packed by as many threads at once.
  Status (*pack)(const Plan*, Stream*, const Element* weights, void* packed, int64_t part,
                 int64_t parts) noexcept;
  Status (*run)(const Plan*, Stream*, void* const* arguments, void* scratch) noexcept;
  // C = the sum of A^T B over `leaves` leaves, a power of two and at most the spec's, taken along
  // the tree: the bits that run() for each leaf and adding left + right at every node would give,
  // absent leaves skipped. C is written once. Part `part` of `parts` of its rows: as many threads
  // may share the work. Only plans whose spec has leaves > 1; where the device has no such kernel,
  // make_matmul refuses the spec (unsupported).
  Status (*run_leaves)(const Plan*, Stream*, int64_t leaves, const LeafProduct* products, float* c,
                       int64_t part, int64_t parts, void* scratch) noexcept;
  // The products of several blocks of rows with one B, which is read once: the bits that run() of a
  // plan for each block alone would give. Only plans of a packed B without leaves, and only where
  // make_matmul takes leaves > 1. `b`: packed where the plan packs; `bias`: null without one.
  Status (*run_blocks)(const Plan*, Stream*, int64_t blocks, const RowBlock*, const void* b,
                       const float* bias) noexcept;
  void (*destroy)(Plan*) noexcept;

  // ---- element-wise, n elements; dx may alias dy, y may alias x
  Status (*fill)(Stream*, int64_t n, float value, Element* y) noexcept;
  Status (*copy)(Stream*, int64_t n, const Element* x, Element* y) noexcept;
  Status (*add)(Stream*, int64_t n, const Element* a, const Element* b,
                Element* y) noexcept;                                               // y = a + b
  Status (*accumulate)(Stream*, int64_t n, const Element* x, Element* y) noexcept;  // y += x
  Status (*scale)(Stream*, int64_t n, float factor, Element* x) noexcept;           // x *= factor
  Status (*activation_forward)(Stream*, Activation, float alpha, int64_t n, const Element* x,
                               Element* y) noexcept;
  // dx (+)= act'(.) dy. relu, leaky_relu (alpha > 0), sigmoid and tanh read y only (x may be null);
  // the others x.
  Status (*activation_backward)(Stream*, Activation, float alpha, int64_t n, const Element* x,
                                const Element* y, const Element* dy, Element* dx, Write) noexcept;
  Status (*dropout_forward)(Stream*, const DropoutSpec*, const SampleKey* keys, const Element* x,
                            Element* y) noexcept;
  Status (*dropout_backward)(Stream*, const DropoutSpec*, const SampleKey* keys, const Element* dy,
                             Element* dx, Write) noexcept;

  // y = x, from Element to fp32 and back: where inputs enter a program, and predictions leave it.
  Status (*widen)(Stream*, int64_t n, const Element* x, float* y) noexcept;
  Status (*narrow)(Stream*, int64_t n, const float* x, Element* y) noexcept;
  // copy and accumulate for what is fp32 whatever the element is: gradients of parameters.
  Status (*copy_full)(Stream*, int64_t n, const float* x, float* y) noexcept;
  Status (*accumulate_full)(Stream*, int64_t n, const float* x, float* y) noexcept;
  // y = x, to nearest even and back: gradients of parameters that travel in 2 bytes.
  Status (*to_bf16)(Stream*, int64_t n, const float* x, Bf16* y) noexcept;
  Status (*from_bf16)(Stream*, int64_t n, const Bf16* x, float* y) noexcept;
  // y[i] = (x[i] - mean[c]) * scale[c], c = i mod channels, each operation rounded to fp32: inputs
  // that came as bytes, channels innermost.
  Status (*normalise_bytes)(Stream*, int64_t n, int64_t channels, const uint8_t* x,
                            const float* mean, const float* scale, float* y) noexcept;

  // ---- rows and columns
  // Bytes of `scratch`, 64-byte aligned, that an entry with that parameter needs for a reduction
  // over a matrix [rows, cols] (losses: [rows, 1]); 0: it may be null. Grows with neither argument
  // without bound.
  size_t (*reduction_scratch)(int64_t rows, int64_t cols) noexcept;
  // y[c] (+)= sum over rows of x[r,c]: bias gradients.
  Status (*column_sum)(Stream*, int64_t rows, int64_t cols, const Element* x, float* y, Write,
                       void* scratch) noexcept;
  // dst[r*dst_stride + c] (+)= src[r*src_stride + c], c < cols: concatenation along channels and
  // back.
  Status (*copy_columns)(Stream*, int64_t rows, int64_t cols, const Element* src,
                         int64_t src_stride, Element* dst, int64_t dst_stride, Write) noexcept;
  // y[n,c,s] (+)= x[n,s,c] (s = H*W): channels-last to logical order; and back with the roles of s
  // and c swapped.
  Status (*transpose_samples)(Stream*, int64_t n, int64_t rows, int64_t cols, const Element* x,
                              Element* y, Write) noexcept;
  Status (*softmax_forward)(Stream*, int64_t rows, int64_t cols, const Element* x,
                            Element* y) noexcept;
  Status (*softmax_backward)(Stream*, int64_t rows, int64_t cols, const Element* y,
                             const Element* dy, Element* dx, Write) noexcept;

  // ---- pooling, N,H,W,C
  // index: position of the maximum in its window (kh * kernel_w + kw), first maximum wins, NaN
  // wins.
  Status (*max_pool_forward)(Stream*, const Pool2dSpec*, const Element* x, Element* y,
                             uint8_t* index) noexcept;
  Status (*max_pool_backward)(Stream*, const Pool2dSpec*, const Element* dy, const uint8_t* index,
                              Element* dx, Write) noexcept;
  Status (*average_pool_forward)(Stream*, const Pool2dSpec*, const Element* x, Element* y) noexcept;
  Status (*average_pool_backward)(Stream*, const Pool2dSpec*, const Element* dy, Element* dx,
                                  Write) noexcept;

  // ---- normalisation
  // sums[c] = sum x, sums[C+c] = sum x^2 over rows, accumulated in fp64. `statistics`: computed
  // from them as well; null: they are not.
  Status (*batch_norm_sums)(Stream*, int64_t rows, int64_t channels, const Element* x, double* sums,
                            void* scratch, const BatchNormStatistics* statistics) noexcept;
  // y = act(gamma (x - mean) rstd + beta + addend); addend may be null; act is none or relu.
  Status (*batch_norm_forward)(Stream*, int64_t rows, int64_t channels, const Element* x,
                               const float* mean, const float* rstd, const float* gamma,
                               const float* beta, const Element* addend, Activation,
                               Element* y) noexcept;
  // g = dy + more, rounded to an Element, and when act is relu 0 where y is not above 0. `more` may
  // be null: the gradient comes in one part. y may be null where there was no addend: whether it is
  // above 0 follows from x, mean, rstd, gamma and beta, by the bits of batch_norm_forward(); gamma
  // and beta are read for that alone. sums[c] = sum g, sums[C+c] = sum g (x - mean) rstd, fp64, in
  // which terms of up to eight rows may be added up in fp32. g is kept where `g` is not null; it
  // may be dy. `gradients`: computed from the sums as well; null: they are not.
  Status (*batch_norm_backward_sums)(Stream*, int64_t rows, int64_t channels, const Element* x,
                                     const Element* y, const Element* dy, const Element* more,
                                     const float* mean, const float* rstd, const float* gamma,
                                     const float* beta, Activation, Element* g, double* sums,
                                     void* scratch, const BatchNormGradients* gradients) noexcept;
  // dx (+)= gamma rstd (g - mean_g[c] - xhat mean_gx[c]);  daddend (+)= g when not null. g from dy,
  // act, y and beta as above; where it was kept, that is dy, and act is none. dx may be dy.
  // mean_g, mean_gx: the sums over the whole normalised set divided by its count.
  Status (*batch_norm_backward)(Stream*, int64_t rows, int64_t channels, const Element* x,
                                const Element* y, const Element* dy, const float* mean,
                                const float* rstd, const float* gamma, const float* beta,
                                const float* mean_g, const float* mean_gx, Activation, Element* dx,
                                Write dx_write, Element* daddend, Write daddend_write) noexcept;
  // What lies between sums and normalising, per channel, in fp64 and rounded once. `sums` as the
  // two entries above write them, added up over `count` values; for the device they are device
  // memory. mean = sums[c] / count; rstd = 1 / sqrt(max(0, sums[C+c] / count - mean^2) + epsilon).
  Status (*batch_norm_statistics)(Stream*, int64_t channels, double count, double epsilon,
                                  const double* sums, float* mean, float* rstd) noexcept;
  // rstd = 1 / sqrt(variance + epsilon): inference, from the running variance.
  Status (*batch_norm_rstd)(Stream*, int64_t channels, double epsilon, const float* variance,
                            float* rstd) noexcept;
  // running = (1 - momentum) running + momentum batch, the variance unbiased by
  // count / (count - 1) where count > 1; of all `layers` at once. Nothing changes where
  // scalars->skip is not 0; scalars may be null.
  Status (*batch_norm_running)(Stream*, int64_t layers, const RunningStatistics*,
                               const OptimizerScalars* scalars) noexcept;
  // mean_g = sums[c] / count, mean_gx = sums[C+c] / count.
  Status (*batch_norm_means)(Stream*, int64_t channels, double count, const double* sums,
                             float* mean_g, float* mean_gx) noexcept;
  // Over the last axis. mean, rstd: [rows], kept for backward.
  Status (*layer_norm_forward)(Stream*, int64_t rows, int64_t cols, float epsilon, const Element* x,
                               const float* gamma, const float* beta, Element* y, float* mean,
                               float* rstd) noexcept;
  // dgamma, dbeta: [cols], `parameter_write`; dx: `write`.
  Status (*layer_norm_backward)(Stream*, int64_t rows, int64_t cols, const Element* x,
                                const float* gamma, const float* mean, const float* rstd,
                                const Element* dy, Element* dx, Write write, float* dgamma,
                                float* dbeta, Write parameter_write, void* scratch) noexcept;

  // ---- rows of tables, and how features agree
  // y[bag] = sum of the rows of its ids, divided by their number where spec->mean. An id of -1 or
  // without a row counts for none. counts[bag]: that number; for mean, else it may be null.
  Status (*embedding_bag_forward)(Stream*, const EmbeddingBagSpec*, const TableLeaf*, Element* y,
                                  int32_t* counts) noexcept;
  // gradient[number] += sum over its positions of dy[bag], or dy[bag] / counts[bag]. That of a
  // number without a row stays as it is.
  Status (*embedding_bag_backward)(Stream*, const EmbeddingBagSpec*, const TableLeaf*,
                                   const Element* dy, const int32_t* counts) noexcept;
  // Vectors of `dim` elements, of each sample: z, where it is not null, and then the rows of
  // x [rows, dim]. y = the first vector, then v_i . v_j for every i > j, by i, then j.
  Status (*dot_interaction_forward)(Stream*, int64_t samples, int64_t rows, int64_t dim,
                                    const Element* z, const Element* x, Element* y) noexcept;
  // dv_i (+)= sum over j of d(i,j) v_j, for i = 0 and the copy's gradient. dz and dx may be null:
  // not wanted.
  Status (*dot_interaction_backward)(Stream*, int64_t samples, int64_t rows, int64_t dim,
                                     const Element* z, const Element* x, const Element* dy,
                                     Element* dz, Write dz_write, Element* dx,
                                     Write dx_write) noexcept;
  // y = x0 (w . x + b) + x;   x0, x, y [samples, dim], w [dim], b [1].
  Status (*cross_forward)(Stream*, int64_t samples, int64_t dim, const Element* x0,
                          const Element* x, const float* weight, const float* bias,
                          Element* y) noexcept;
  // With d = dy . x0 of each sample:  dx0 (+)= (w . x + b) dy,  then dx (+)= d w + dy, where dx may
  // be dx0;  dw (+)= sum of d x,  db (+)= sum of d. Each may be null: not wanted. slopes: room for
  // `samples` floats; scratch: reduction_scratch(samples, dim).
  Status (*cross_backward)(Stream*, int64_t samples, int64_t dim, const Element* x0,
                           const Element* x, const float* weight, const float* bias,
                           const Element* dy, Element* dx0, Write dx0_write, Element* dx,
                           Write dx_write, float* dweight, Write dweight_write, float* dbias,
                           Write dbias_write, float* slopes, void* scratch) noexcept;
  // 0.5 ((sum_i v_i)^2 - sum_i v_i^2) over the rows v_i of x [rows, dim] of each sample, by
  // element: y [samples, dim]; `reduce`: added up over them, y [samples].
  Status (*factorization_machine_forward)(Stream*, int64_t samples, int64_t rows, int64_t dim,
                                          bool reduce, const Element* x, Element* y) noexcept;
  // dv_i (+)= dy (sum_j v_j - v_i).
  Status (*factorization_machine_backward)(Stream*, int64_t samples, int64_t rows, int64_t dim,
                                           bool reduce, const Element* x, const Element* dy,
                                           Element* dx, Write) noexcept;

  // ---- losses: value and gradient in one pass. dlogits null: value only. sample_weight,
  // class_weight may be null. The gradient is multiplied by *loss_scale before it is rounded to an
  // Element; null: by nothing. Labels outside [0, cols) return Status::invalid; on a device they
  // make sums->loss NaN and leave that row's gradient zero, so that the job's verdict sees them
  // without a stall. loss_i = w_i sum_k q_k (logsumexp - z_k), q = one-hot smoothed by `smoothing`;
  // w_i = sample_weight[i] class_weight[label]. With smoothing the class weights multiply per
  // class, as torch.nn.CrossEntropyLoss does.
  Status (*softmax_cross_entropy)(Stream*, int64_t rows, int64_t cols, const Element* logits,
                                  const int64_t* labels, const float* sample_weight,
                                  const float* class_weight, float smoothing, LossSums* sums,
                                  Element* dlogits, Write, const float* loss_scale,
                                  void* scratch) noexcept;
  // Mean over cols of BCE-with-logits per sample (torch's reduction over all elements).
  Status (*sigmoid_cross_entropy)(Stream*, int64_t rows, int64_t cols, const Element* logits,
                                  const float* targets, const float* sample_weight,
                                  float positive_weight, LossSums* sums, Element* dlogits, Write,
                                  const float* loss_scale, void* scratch) noexcept;
  // targets[i] = labels[i] as a float. Labels other than 0 and 1: as those out of range above, but
  // the device's gradient is NaN as well.
  Status (*binary_targets)(Stream*, int64_t n, const int64_t* labels, float* targets) noexcept;
  Status (*regression)(Stream*, Regression, float delta, int64_t rows, int64_t cols,
                       const Element* prediction, const float* targets, const float* sample_weight,
                       LossSums* sums, Element* dprediction, Write, const float* loss_scale,
                       void* scratch) noexcept;
  // cols == 1: binary, labels 0/1 become -1/+1: max(0, margin - t z). cols > 1: Weston-Watkins as
  // torch.nn.MultiMarginLoss: sum over k != label of max(0, margin - z_label + z_k)^p / cols.
  Status (*hinge)(Stream*, int64_t rows, int64_t cols, bool squared, float margin,
                  const Element* logits, const int64_t* labels, const float* sample_weight,
                  LossSums* sums, Element* dlogits, Write, const float* loss_scale,
                  void* scratch) noexcept;

  // ---- flat ranges: exchange and optimizer
  // partials[i] = sum of x^2 over elements [i kSumChunk, (i + 1) kSumChunk) below n, in fp64: not
  // finite iff one of these x is not. ceil(n / kSumChunk) partials.
  Status (*sums_of_squares)(Stream*, int64_t n, const float* x, double* partials) noexcept;
  // What is done with the reduced gradient, from its partial sums and the {loss, weight} sums of
  // the batch's losses. The gradient's weight W is the first loss's; s = 1 / W, or 0 where W is not
  // above 0; with a loss scale it is divided by that as well. grad_norm = sqrt(sum of partials) s.
  // finite: grad_norm is, and loss / weight of every loss whose weight is above 0. applied: finite
  // and W > 0. Also sets scalars->skip = !applied and
  // scalars->grad_scale = s min(1, clip_norm / (grad_norm + 1e-6)), the latter where clip_norm > 0.
  // With a loss scale: changes it as LossScaling says, and takes the updates that it has left out
  // off scalars->step. too_large: W > 0, all losses are finite and grad_norm is not, and the scale
  // was above its least.
  Status (*conclude_step)(Stream*, const StepEnd*, const double* partials, const double* loss_sums,
                          OptimizerScalars* scalars, StepVerdict* verdict) noexcept;
  // One pass: g' = grad * grad_scale (clamped), weight decay, moments, weights, average. The first
  // of the n elements is element `begin` of the index space that the rules speak of.
  // state0, state1, state2: the kind's moments (docs in optim/optimizer.h); ema may be null.
  // low: null, or the weights' low-precision copy, with the same indices, which is written beside
  // them. Where scalars->skip is not 0, all buffers stay as they are. Else a step below 1 returns
  // Status::invalid; a device makes the weights NaN.
  Status (*optimizer_step)(Stream*, const OptimizerSpec*, const OptimizerScalars*, const SlotRules*,
                           int64_t begin, int64_t n, const float* grad, float* weights,
                           float* state0, float* state1, float* state2, float* ema,
                           Element* low) noexcept;
};

// The first of a table's words that is a function's address.
constexpr size_t kFirstEntry = offsetof(KernelTable, make_conv2d) / sizeof(void*);

// The CPU's tables by level, best first; never empty. The program picks one at start-up.
// `limit`: highest level allowed ("" = no limit), so that all ranks of a job use the same.
const KernelTable& cpu_kernels(const char* limit = "");
// Levels this machine can run, lowest first, separated by spaces.
const char* cpu_levels();
// Call once per thread that runs kernels: flush-to-zero, denormals-are-zero, one OpenMP thread.
void prepare_kernel_thread();

}  // namespace trireme
