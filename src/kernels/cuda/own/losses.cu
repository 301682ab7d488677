// Losses that are a mean over the columns of each sample, times the sample's weight.
#include "kernels/cuda/own/element.h"
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/loss_sums.h"

namespace trireme::cu {
namespace {

__device__ inline float positive_part(float v) { return v < 0.0f ? 0.0f : v; }

// (1 - t) z + (1 + (pw - 1) t) (log(1 + exp(-|z|)) + max(-z, 0)), as torch's BCEWithLogitsLoss. The
// linear terms are added first: they may cancel, and the logarithm must outlive that.
struct SigmoidCrossEntropy {
  float extra;  // pw - 1
  __device__ float value(float z, float t) const {
    const float w = 1.0f + extra * t;
    const float linear = (1.0f - t) * z + w * positive_part(-z);
    return linear + w * log1pf(expf(-fabsf(z)));
  }
  __device__ float slope(float z, float t) const {
    return (1.0f - t) - (1.0f + extra * t) / (1.0f + expf(z));
  }
};
struct SquaredError {
  __device__ float value(float p, float t) const { return (p - t) * (p - t); }
  __device__ float slope(float p, float t) const { return 2.0f * (p - t); }
};
struct AbsoluteError {
  __device__ float value(float p, float t) const { return fabsf(p - t); }
  __device__ float slope(float p, float t) const {
    const float d = p - t;
    return d > 0.0f ? 1.0f : (d < 0.0f ? -1.0f : d);
  }
};
struct Huber {
  float delta;
  __device__ float value(float p, float t) const {
    const float a = fabsf(p - t);
    return a <= delta ? 0.5f * a * a : delta * (a - 0.5f * delta);
  }
  __device__ float slope(float p, float t) const {
    const float d = p - t;
    return d > delta ? delta : (d < -delta ? -delta : d);
  }
};

template <class T>
struct Batch {
  int64_t rows, cols;
  const T* prediction;
  const float* targets;
  const float* sample_weight;
  T* gradient;
  bool add;
  const float* loss_scale;
};

// A grid-stride loop over all elements, whatever the shape: coalesced, and one logit a sample does
// not leave 31 lanes idle. Fewer than 2^32 elements: 64-bit division is a function call. The thread
// at a row's first element counts the row's weight.
template <class T, class Rule>
__global__ void __launch_bounds__(kBlock)
    element_loss_kernel(Batch<T> b, Rule rule, LossSums* partials) {
  double loss = 0, weights = 0;
  for (int64_t i = first_index(); i < b.rows * b.cols; i += grid_stride()) {
    const int64_t row = static_cast<unsigned>(i) / static_cast<unsigned>(b.cols);
    const float weight = b.sample_weight ? b.sample_weight[row] : 1.0f;
    const float factor = weight / static_cast<float>(b.cols);
    const float p = to_float(b.prediction[i]), t = b.targets[i];
    loss += static_cast<double>(factor) * static_cast<double>(rule.value(p, t));
    if (i == row * b.cols) weights += static_cast<double>(weight);
    if (b.gradient) put(b.gradient + i, scale_of(b.loss_scale) * factor * rule.slope(p, t), b.add);
  }
  keep_loss_sums(loss, weights, partials);
}

template <class T, class Rule>
Status element_loss(Stream* s, const Batch<T>& b, const Rule& rule, void* scratch,
                    LossSums* sums) noexcept {
  if (b.cols == 0 && b.rows > 0) return Status::invalid;
  if (b.rows > 0 && b.cols >= (int64_t{1} << 32) / b.rows) return Status::unsupported;
  const int64_t blocks = smaller(loss_blocks(b.rows), ceil_div(b.rows * b.cols, kBlock));
  const Status first = launch(element_loss_kernel<T, Rule>, dim3(static_cast<unsigned>(blocks)),
                              kBlock, 0, s, b, rule, static_cast<LossSums*>(scratch));
  return finish_loss(s, first, blocks, scratch, sums);
}

template <class T>
Status sigmoid_cross_entropy(Stream* s, int64_t rows, int64_t cols, const Element* logits,
                             const float* targets, const float* sample_weight,
                             float positive_weight, LossSums* sums, Element* dlogits, Write write,
                             const float* loss_scale, void* scratch) noexcept {
  const Batch<T> b{rows,
                   cols,
                   typed<T>(logits),
                   targets,
                   sample_weight,
                   typed<T>(dlogits),
                   write == Write::add,
                   loss_scale};
  return element_loss(s, b, SigmoidCrossEntropy{positive_weight - 1.0f}, scratch, sums);
}

template <class T>
Status regression(Stream* s, Regression kind, float delta, int64_t rows, int64_t cols,
                  const Element* prediction, const float* targets, const float* sample_weight,
                  LossSums* sums, Element* dprediction, Write write, const float* loss_scale,
                  void* scratch) noexcept {
  const Batch<T> b{rows,
                   cols,
                   typed<T>(prediction),
                   targets,
                   sample_weight,
                   typed<T>(dprediction),
                   write == Write::add,
                   loss_scale};
  if (kind == Regression::mse) return element_loss(s, b, SquaredError{}, scratch, sums);
  if (kind == Regression::mae) return element_loss(s, b, AbsoluteError{}, scratch, sums);
  if (!(delta > 0.0f)) return Status::invalid;
  return element_loss(s, b, Huber{delta}, scratch, sums);
}

__global__ void __launch_bounds__(kBlock)
    binary_targets_kernel(int64_t n, const int64_t* labels, float* targets) {
  for (int64_t i = first_index(); i < n; i += grid_stride()) {
    const int64_t label = labels[i];
    targets[i] = label == 0 || label == 1 ? static_cast<float>(label) : NAN;
  }
}

Status binary_targets(Stream* s, int64_t n, const int64_t* labels, float* targets) noexcept {
  return launch(binary_targets_kernel, grid_for(n), kBlock, 0, s, n, labels, targets);
}

struct Hinge {
  bool squared;
  float margin;
  const int64_t* labels;
  __device__ float value(float v) const { return squared ? v * v : v; }
  __device__ float slope(float v) const { return v > 0.0f ? (squared ? 2.0f * v : 1.0f) : 0.0f; }
};

// One logit a sample: max(0, margin - t z), t = -1 or 1. One thread a sample.
template <class T>
__global__ void __launch_bounds__(kBlock)
    binary_hinge_kernel(Batch<T> b, Hinge h, LossSums* partials) {
  double loss = 0, weights = 0;
  for (int64_t r = first_index(); r < b.rows; r += grid_stride()) {
    const int64_t label = h.labels[r];
    const float weight = b.sample_weight ? b.sample_weight[r] : 1.0f;
    const bool known = label == 0 || label == 1;
    const float t = label == 1 ? 1.0f : -1.0f;
    const float v = positive_part(h.margin - t * to_float(b.prediction[r]));
    loss += known ? static_cast<double>(weight) * static_cast<double>(h.value(v))
                  : static_cast<double>(NAN);
    weights += static_cast<double>(weight);
    if (b.gradient)
      put(b.gradient + r, known ? scale_of(b.loss_scale) * weight * -t * h.slope(v) : 0.0f, b.add);
  }
  keep_loss_sums(loss, weights, partials);
}

// Several logits: a block takes a row. The label's own term is left out of the value; its slope is
// minus the sum of the others'.
template <class T>
__global__ void __launch_bounds__(kBlock) hinge_kernel(Batch<T> b, Hinge h, LossSums* partials) {
  double loss = 0, weights = 0;
  for (int64_t r = blockIdx.x; r < b.rows; r += gridDim.x) {
    const T* z = b.prediction + r * b.cols;
    const int64_t label = h.labels[r];
    const float weight = b.sample_weight ? b.sample_weight[r] : 1.0f;
    const bool known = label >= 0 && label < b.cols;  // for the whole block alike
    const float factor = known ? weight / static_cast<float>(b.cols) : 0.0f;
    const float base = known ? h.margin - to_float(z[label]) : 0.0f;
    const auto excess = [&](int64_t k) {
      return k == label ? 0.0f : positive_part(base + to_float(z[k]));
    };
    float others = 0;
    for (int64_t k = threadIdx.x; k < b.cols; k += blockDim.x) {
      loss += static_cast<double>(factor) * static_cast<double>(h.value(excess(k)));
      others += h.slope(excess(k));
    }
    others = block_sum(others);
    if (threadIdx.x == 0) weights += static_cast<double>(weight);
    if (!known) loss = static_cast<double>(NAN);
    for (int64_t k = threadIdx.x; b.gradient && k < b.cols; k += blockDim.x) {
      const float slope = k == label ? -others : h.slope(excess(k));
      put(b.gradient + r * b.cols + k, known ? scale_of(b.loss_scale) * factor * slope : 0.0f,
          b.add);
    }
  }
  keep_loss_sums(loss, weights, partials);
}

template <class T>
Status hinge(Stream* s, int64_t rows, int64_t cols, bool squared, float margin,
             const Element* logits, const int64_t* labels, const float* sample_weight,
             LossSums* sums, Element* dlogits, Write write, const float* loss_scale,
             void* scratch) noexcept {
  if (cols == 0 && rows > 0) return Status::invalid;
  const Batch<T> b{rows,
                   cols,
                   typed<T>(logits),
                   nullptr,
                   sample_weight,
                   typed<T>(dlogits),
                   write == Write::add,
                   loss_scale};
  const Hinge h{squared, margin, labels};
  auto* const partials = static_cast<LossSums*>(scratch);
  const int64_t blocks =
      cols == 1 ? smaller(loss_blocks(rows), ceil_div(rows, kBlock)) : loss_blocks(rows);
  const dim3 grid(static_cast<unsigned>(blocks));
  const Status first = cols == 1
                           ? launch(binary_hinge_kernel<T>, grid, kBlock, 0, s, b, h, partials)
                           : launch(hinge_kernel<T>, grid, row_block(cols), 0, s, b, h, partials);
  return finish_loss(s, first, blocks, scratch, sums);
}

}  // namespace

template <class T>
void fill_losses(KernelTable& t) noexcept {
  t.sigmoid_cross_entropy = sigmoid_cross_entropy<T>;
  t.binary_targets = binary_targets;
  t.regression = regression<T>;
  t.hinge = hinge<T>;
}
template void fill_losses<float>(KernelTable&) noexcept;
template void fill_losses<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_losses<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
