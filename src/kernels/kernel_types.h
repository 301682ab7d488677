#pragma once
// What the entries of a kernel table (kernel_table.h) are told and give back: the problems of a
// plan, masks, statistics, scalars of a step. C types only, which program and plugin share.

#include <cstddef>
#include <cstdint>

namespace trireme {

struct Stream;  // a CUDA stream in the plugin; null on the CPU
struct Plan;    // immutable, shareable between threads

// What an Element is in memory.
enum class ElementType : int32_t { f32, bf16, f16 };
constexpr size_t bytes_of(ElementType t) { return t == ElementType::f32 ? 4 : 2; }

// An Element* points to an activation, to an activation's gradient, or to the weights that a plan
// reads (their low-precision copy, where there is one). What lies there has the type that
// KernelTable::element names and may be 2 bytes wide: only a table of
// ElementType::f32, as the CPU's are, lets it be followed, or counted in, as a float. A kernel
// widens what it reads to fp32, computes and sums in fp32 or fp64, and rounds what it writes once,
// to nearest even. Everything else (biases, parameters of norms, statistics, gradients of
// parameters, losses, targets) is fp32 or fp64 whatever the element is.
using Element = float;
// A number of 2 bytes whatever the element is: the upper half of an fp32.
struct Bf16 {
  uint16_t bits;
};

enum class Status : int32_t { ok = 0, unsupported = 1, invalid = 2, failed = 3 };
enum class Write : int32_t { set = 0, add = 1 };
enum class Activation : int32_t {
  none,
  relu,
  leaky_relu,
  gelu_erf,
  gelu_tanh,
  silu,
  sigmoid,
  tanh
};

// y[n,oh,ow,oc] = act(conv(x[n,h,w,ic], w[oc,kh,kw,ic/groups]) + bias[oc]).  Cross-correlation.
// Weights are stored O,H,W,I (the Slot's permutation of the logical O,I,H,W).
struct Conv2dSpec {
  int64_t n, h, w, c_in, c_out, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h,
      dilation_w, groups;
  bool bias;
  Activation activation;  // none, relu, leaky_relu, sigmoid or tanh; forward only
  float alpha;            // leaky_relu's slope
};
enum class ConvPass : int32_t { forward, backward_data, backward_weights };
// Arguments of run(), by position:
//   forward:           x, packed weights, bias or null, y (set)
//   backward_data:     dy, packed weights, dx (set)
//   backward_weights:  x, dy, dw (set, stored order), db (set) or null
// x, dy, weights, y and dx are Elements; bias, dw and db are fp32.

// C[m,n] = act(op(A) op(B) + bias[n]), row-major; op(A) is [m,k], op(B) is [k,n].
struct MatmulSpec {
  int64_t m, n, k;
  bool transpose_a, transpose_b;  // A is stored [k,m]; B is stored [n,k]
  bool bias;
  Activation activation;  // as in Conv2dSpec
  float alpha;
  Write write;               // add: C += op(A) op(B), without bias and activation
  int64_t leaves = 1;        // more: for run_leaves(), k then being the most rows of one leaf
  bool full_result = false;  // C is fp32 whatever the element is: gradients of weights. Without
                             // bias and activation
};
// Arguments of run(): A, B (packed if pack_bytes > 0), bias or null, C. A, B and, but for
// full_result, C are Elements; the bias is fp32.

// One leaf's part of a weight gradient that run_leaves() computes for a whole piece of the
// reduction tree: A is stored [k,m], B [k,n], the k rows being the leaf's samples.
struct LeafProduct {
  const Element* a;
  const Element* b;
  int64_t k;  // 0: the leaf is absent
};

// Some rows of a product that run_blocks() computes: A's as run() has them, and C's.
struct RowBlock {
  const Element* a;
  Element* c;
  int64_t m;
};

struct PlanInfo {
  size_t scratch_bytes;  // given to run(), 64-byte aligned, contents undefined
  size_t pack_bytes;  // 0: weights are read as stored; else pack() fills a buffer of this size once
                      // a step
};

struct Pool2dSpec {
  int64_t n, h, w, c, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, out_h, out_w;
  bool count_include_pad;  // average: divide by kernel area, not by the covered area (PyTorch's
                           // default: true)
};

// Counter-based mask: element e of sample i is kept iff word(seed key, position of sample i, e) >=
// p. key = mix(seed, hash_name(op name)); counter = (e / 4, mix(epoch, position)); word e % 4 of
// philox.
struct SampleKey {
  uint64_t epoch, position, id;  // position in the epoch's order; id in the data source
};
struct DropoutSpec {
  int64_t n, elements;  // samples, elements of one sample
  float p;
  uint64_t key;
};

// What follows from a batch norm's sums where no other leaf's have to be added. Host memory; the
// pointers are the device's.
struct BatchNormStatistics {  // what batch_norm_statistics() computes
  double count, epsilon;
  float* mean;
  float* rstd;
};
struct BatchNormGradients {
  // dbeta (+)= sums[c], dgamma (+)= sums[C+c]; either may be null.
  float* dgamma;
  Write dgamma_write;
  float* dbeta;
  Write dbeta_write;
  // What batch_norm_means() computes; both may be null.
  double count;
  float* mean_g;
  float* mean_gx;
};

// One batch norm's running statistics and what they follow from: `sums` as batch_norm_sums() writes
// them, added up over `count` values. Host memory; the pointers are the device's.
struct RunningStatistics {
  int64_t channels;
  double count, momentum;
  const double* sums;
  float* mean;
  float* variance;
};

// (sum of weighted losses, sum of weights): gradients are of the SUM; the job divides once by the
// global weight.
struct LossSums {
  double loss, weight;
};
enum class Regression : int32_t { mse, mae, huber };

// Scalars of one optimizer step; in device memory for CUDA graphs.
struct OptimizerScalars {
  float lr;          // of this step, schedule applied
  float grad_scale;  // 1 / global weight, times the clip factor
  float clip_value;  // 0: none; else each scaled gradient element is clamped to +-clip_value
  float ema_decay;   // used where an average is given
  int64_t step;      // 1 for the first update: bias corrections
  int32_t skip;      // not 0: the update is left out, weights and running statistics alike
  int32_t reserved;
};
constexpr int64_t kSumChunk = 4096;  // elements of one partial sum of squares

// What gradients are multiplied by on their way through backward, so that small ones survive as
// Elements of a narrow range (fp16). It enters with the losses' gradients; conclude_step() takes it
// out again and adapts it. In device memory; whole numbers and powers of two, so that nothing is
// rounded.
struct LossScale {
  float scale;
  float good_steps;  // applied since the scale last changed
  float skipped;     // updates that were left out, so far, because a gradient was too large for it
};
// How it is adapted (host memory), as torch.amp.GradScaler does: an update whose gradient is not
// finite is left out and the scale multiplied by `backoff`; `interval` applied ones in a row
// multiply it by `growth`. It stays between `least` and `most`. All but interval: powers of two.
struct LossScaling {
  float start;  // for who makes the LossScale
  float growth, backoff, interval, least, most;
};

// What a step ends with, in host memory; loss_scale is the device's.
struct StepEnd {
  int64_t partials;                 // sums of squares of the whole gradient
  int64_t losses;                   // at least 1
  double clip_norm;                 // 0: off
  LossScale* loss_scale = nullptr;  // of this gradient, changed for the next; null: none
  LossScaling scaling = {};
};
// In device memory.
struct StepVerdict {
  double grad_norm;   // of the averaged gradient, before clipping
  int32_t finite;     // the norm is, and every loss
  int32_t applied;    // finite, and the weight is above 0; else OptimizerScalars::skip is set
  float loss_scale;   // of this step; 0: none
  int32_t too_large;  // the losses are finite, the gradient was not: the scale has been lowered
};

// Which factors the elements of a range obey, by blocks of kRuleBlock elements of the index space.
constexpr int64_t kRuleBlock = 64;
constexpr int64_t kMostRules = 256;
struct SlotRule {
  float lr_scale, decay_scale;
};
struct SlotBlock {
  uint8_t rule;
  uint8_t count;  // elements, from the first, that obey it; the block's others are left alone
};
struct SlotRules {          // host memory; the two arrays are the device's
  const SlotBlock* blocks;  // of the index space from element 0; null: all elements obey rule 0
  const SlotRule* rules;
  int64_t count;  // of rules, 1 to kMostRules
};
enum class OptimizerKind : int32_t { sgd, adam, adamw, adagrad, rmsprop, ftrl };
// PyTorch's definitions (torch.optim), fused. ftrl: FTRL-proximal of McMahan et al., "Ad click
// prediction: a view from the trenches" (KDD 2013), algorithm 1, with alpha = the learning rate.
// Its states are z and n; l1 and l2 are multiplied by the rule's decay_scale. By element:
//   s = (sqrt(n + g^2) - sqrt(n)) / alpha;   z += g - s w;   n += g^2
//   w = 0 where |z| <= l1, else -(z - sign(z) l1) / ((beta + sqrt(n)) / alpha + l2)
// The paper starts from w = 0. Another first weight is kept: where n = 0, z is taken to be what
// gives it. An element without any gradient, or alpha = 0, changes nothing.
struct OptimizerSpec {
  OptimizerKind kind;
  float momentum, dampening;
  int32_t nesterov;
  float beta1, beta2, epsilon;
  float weight_decay;
  float rho;         // rmsprop's alpha
  int32_t centered;  // rmsprop
  float lr_decay;    // adagrad
  float initial_accumulator;
  float l1, l2, beta;  // ftrl
};

}  // namespace trireme
