// Value and gradient in one pass: a block takes a row, whose logits stay in the first-level cache
// between the maximum, the sum and the gradient.
#include "kernels/cuda/own/element.h"
#include "kernels/cuda/own/fill.h"
#include "kernels/cuda/own/loss_sums.h"

namespace trireme::cu {
namespace {

template <class T>
struct Loss {
  int64_t rows, cols;
  const T* logits;
  const int64_t* labels;
  const float* sample_weight;
  const float* class_weight;
  float smoothing;
  T* dlogits;
  bool add;
  const float* loss_scale;

  __device__ float class_weight_of(int64_t k) const {
    return class_weight ? class_weight[k] : 1.0f;
  }
  // a_k: how much -log p_k counts. (1 - s) w_label at the label, plus s w_k / cols everywhere.
  __device__ float share(int64_t k, int64_t label) const {
    const float w = class_weight_of(k);
    const float even = smoothing * w / static_cast<float>(cols);
    return k == label ? (1.0f - smoothing) * w + even : even;
  }
};

// sum_k a_k (logsumexp - z_k). Every thread gets it.
template <class T>
__device__ double row_loss(const Loss<T>& l, const T* z, int64_t label, float top, float total) {
  const double log_sum = log(static_cast<double>(total));
  const auto term = [&](int64_t k) {
    return static_cast<double>(l.share(k, label)) *
           (log_sum - static_cast<double>(to_float(z[k]) - top));
  };
  if (l.smoothing == 0.0f) return term(label);
  double sum = 0;
  for (int64_t k = threadIdx.x; k < l.cols; k += blockDim.x) sum += term(k);
  return block_sum(sum);
}

// dz_k (+)= weight (p_k sum(a) - a_k), the weight with the loss scale in it.
template <class T>
__device__ void row_gradient(const Loss<T>& l, const T* z, int64_t label, float top, float total,
                             float weight, T* dz) {
  float shares = 0;
  if (l.smoothing == 0.0f) {
    shares = l.share(label, label);
  } else {
    for (int64_t k = threadIdx.x; k < l.cols; k += blockDim.x) shares += l.share(k, label);
    shares = block_sum(shares);
  }
  const float factor = weight * shares / total;
  for (int64_t k = threadIdx.x; k < l.cols; k += blockDim.x)
    put(dz + k, factor * expf(to_float(z[k]) - top) - weight * l.share(k, label), l.add);
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    softmax_cross_entropy_kernel(Loss<T> l, LossSums* partials) {
  double loss = 0, weights = 0;  // of thread 0
  for (int64_t r = blockIdx.x; r < l.rows; r += gridDim.x) {
    const T* z = l.logits + r * l.cols;
    T* dz = l.dlogits ? l.dlogits + r * l.cols : nullptr;
    const int64_t label = l.labels[r];
    if (label < 0 || label >= l.cols) {  // for the whole block alike
      loss = static_cast<double>(NAN);
      for (int64_t k = threadIdx.x; dz && !l.add && k < l.cols; k += blockDim.x)
        dz[k] = from_float<T>(0);
      continue;
    }
    const float weight = l.sample_weight ? l.sample_weight[r] : 1.0f;
    float top = -INFINITY, total = 0;
    for (int64_t k = threadIdx.x; k < l.cols; k += blockDim.x)
      top = Maximum::join(top, to_float(z[k]));
    top = block_maximum(top);
    for (int64_t k = threadIdx.x; k < l.cols; k += blockDim.x) total += expf(to_float(z[k]) - top);
    total = block_sum(total);
    loss += static_cast<double>(weight) * row_loss(l, z, label, top, total);
    weights += static_cast<double>(weight) * static_cast<double>(l.class_weight_of(label));
    if (dz) row_gradient(l, z, label, top, total, weight * scale_of(l.loss_scale), dz);
  }
  if (threadIdx.x == 0) partials[blockIdx.x] = {loss, weights};
}

template <class T>
Status softmax_cross_entropy(Stream* s, int64_t rows, int64_t cols, const Element* logits,
                             const int64_t* labels, const float* sample_weight,
                             const float* class_weight, float smoothing, LossSums* sums,
                             Element* dlogits, Write write, const float* loss_scale,
                             void* scratch) noexcept {
  const Loss<T> loss{rows,
                     cols,
                     typed<T>(logits),
                     labels,
                     sample_weight,
                     class_weight,
                     smoothing,
                     typed<T>(dlogits),
                     write == Write::add,
                     loss_scale};
  const int64_t blocks = loss_blocks(rows);
  const Status first = launch(softmax_cross_entropy_kernel<T>, dim3(static_cast<unsigned>(blocks)),
                              row_block(cols), 0, s, loss, static_cast<LossSums*>(scratch));
  return finish_loss(s, first, blocks, scratch, sums);
}

}  // namespace

template <class T>
void fill_softmax_loss(KernelTable& t) noexcept {
  t.softmax_cross_entropy = softmax_cross_entropy<T>;
}
template void fill_softmax_loss<float>(KernelTable&) noexcept;
template void fill_softmax_loss<__nv_bfloat16>(KernelTable&) noexcept;
template void fill_softmax_loss<__half>(KernelTable&) noexcept;

}  // namespace trireme::cu
