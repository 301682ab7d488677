#include "kernels/cpu/own/kernels.h"
#include "kernels/cpu/own/math.h"
#include "kernels/cpu/own/sums.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

struct Row {
  int64_t cols, label;
  const float* z;
  const float* class_weight;
  float smoothing, weight;  // the latter the sample's, times the loss scale
  // a_k: how much -log p_k counts. (1 - s) w_label at the label, plus s w_k / cols everywhere.
  float share(int64_t k) const {
    const float w = class_weight ? class_weight[k] : 1.0f;
    const float even = smoothing * w / static_cast<float>(cols);
    return k == label ? (1.0f - smoothing) * w + even : even;
  }
};

// sum_k a_k (logsumexp - z_k), and the gradient weight (p_k sum(a) - a_k).
double row_loss(const Row& row, float* dz, bool add) {
  const int64_t n = row.cols;
  const float* z = row.z;
  const float top = row_maximum(n, z);
  const float total = sum_terms<float>(n, [&](int64_t k) { return exp_of(z[k] - top); });
  const double log_sum = __builtin_log(static_cast<double>(total));
  const auto term = [&](int64_t k) {
    return static_cast<double>(row.share(k)) * (log_sum - static_cast<double>(z[k] - top));
  };
  const double loss = row.smoothing == 0.0f ? term(row.label) : sum_terms<double>(n, term);
  if (!dz) return loss;
  const float shares = row.smoothing == 0.0f
                           ? row.share(row.label)
                           : sum_terms<float>(n, [&](int64_t k) { return row.share(k); });
  const float factor = row.weight * shares / total;
  const float at_label = row.weight * row.share(row.label);
  const float even = row.weight * row.smoothing / static_cast<float>(n);
  const float old = add ? dz[row.label] : 0.0f;
  const float label_value = old + (factor * exp_of(z[row.label] - top) - at_label);
#pragma GCC ivdep
  for (int64_t k = 0; k < n; ++k) {
    const float w = row.class_weight ? row.class_weight[k] : 1.0f;
    const float g = factor * exp_of(z[k] - top) - even * w;
    dz[k] = add ? dz[k] + g : g;
  }
  dz[row.label] = label_value;
  return loss;
}

}  // namespace

Status softmax_cross_entropy(Stream*, int64_t rows, int64_t cols, const float* logits,
                             const int64_t* labels, const float* sample_weight,
                             const float* class_weight, float smoothing, LossSums* sums,
                             float* dlogits, Write write, const float* loss_scale, void*) noexcept {
  *sums = {};
  for (int64_t r = 0; r < rows; ++r) {
    if (labels[r] < 0 || labels[r] >= cols) return Status::invalid;
  }
  const float scale = loss_scale ? *loss_scale : 1.0f;
  for (int64_t r = 0; r < rows; ++r) {
    const float weight = sample_weight ? sample_weight[r] : 1.0f;
    const Row row{cols, labels[r], logits + r * cols, class_weight, smoothing, weight * scale};
    const double loss = row_loss(row, dlogits ? dlogits + r * cols : nullptr, write == Write::add);
    const float label_weight = class_weight ? class_weight[labels[r]] : 1.0f;
    sums->loss += static_cast<double>(weight) * loss;
    sums->weight += static_cast<double>(weight) * static_cast<double>(label_weight);
  }
  return Status::ok;
}

}  // namespace trireme::cpu::TRIREME_LEVEL
