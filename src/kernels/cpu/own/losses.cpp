// Losses that are a mean over the columns of each sample, times the sample's weight.
#include "kernels/cpu/own/kernels.h"
#include "kernels/cpu/own/math.h"
#include "kernels/cpu/own/sums.h"

namespace trireme::cpu::TRIREME_LEVEL {
namespace {

inline float positive_part(float v) { return v < 0.0f ? 0.0f : v; }

// Where gradients go and how.
struct Gradient {
  Gradient(float* dz, Write write, const float* loss_scale)
      : dz(dz), add(write == Write::add), scale(loss_scale ? *loss_scale : 1.0f) {}
  float* dz;  // null: nowhere
  bool add;
  float scale;
};

// value(k) and slope(k) are one element's; their sums over the row are multiplied by `factor`, the
// slopes by the loss scale as well. dz: the row's.
template <class Value, class Slope>
double row_loss(int64_t cols, float factor, const Gradient& to, float* dz, Value value,
                Slope slope) {
  const double loss = sum_terms<double>(cols, value);
  const float scaled = factor * to.scale;
  if (dz && to.add) {
#pragma GCC ivdep
    for (int64_t k = 0; k < cols; ++k) dz[k] += scaled * slope(k);
  } else if (dz) {
#pragma GCC ivdep
    for (int64_t k = 0; k < cols; ++k) dz[k] = scaled * slope(k);
  }
  return static_cast<double>(factor) * loss;
}

// Calls row(r, factor, dz or null) for every sample; factor is its weight over cols.
template <class Row>
Status for_rows(int64_t rows, int64_t cols, const float* sample_weight, LossSums* sums,
                const Gradient& to, Row row) {
  *sums = {};
  if (cols == 0) return rows == 0 ? Status::ok : Status::invalid;
  for (int64_t r = 0; r < rows; ++r) {
    const float weight = sample_weight ? sample_weight[r] : 1.0f;
    const float factor = weight / static_cast<float>(cols);
    sums->loss += row(r, factor, to.dz ? to.dz + r * cols : nullptr);
    sums->weight += static_cast<double>(weight);
  }
  return Status::ok;
}

}  // namespace

// (1 - t) z + (1 + (pw - 1) t) (log(1 + exp(-|z|)) + max(-z, 0)), as torch's BCEWithLogitsLoss. The
// linear terms are added first: they may cancel, and the logarithm must outlive that.
Status sigmoid_cross_entropy(Stream*, int64_t rows, int64_t cols, const float* logits,
                             const float* targets, const float* sample_weight,
                             float positive_weight, LossSums* sums, float* dlogits, Write write,
                             const float* loss_scale, void*) noexcept {
  const float extra = positive_weight - 1.0f;
  const Gradient to(dlogits, write, loss_scale);
  return for_rows(rows, cols, sample_weight, sums, to, [&](int64_t r, float factor, float* dz) {
    const float* z = logits + r * cols;
    const float* t = targets + r * cols;
    return row_loss(
        cols, factor, to, dz,
        [=](int64_t k) {
          const float w = 1.0f + extra * t[k];
          const float linear = (1.0f - t[k]) * z[k] + w * positive_part(-z[k]);
          return linear + w * log1p_of(exp_of(-__builtin_fabsf(z[k])));
        },
        [=](int64_t k) { return (1.0f - t[k]) - (1.0f + extra * t[k]) * sigmoid_of(-z[k]); });
  });
}

Status binary_targets(Stream*, int64_t n, const int64_t* labels, float* targets) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    if (labels[i] != 0 && labels[i] != 1) return Status::invalid;
    targets[i] = static_cast<float>(labels[i]);
  }
  return Status::ok;
}

Status regression(Stream*, Regression kind, float delta, int64_t rows, int64_t cols,
                  const float* prediction, const float* targets, const float* sample_weight,
                  LossSums* sums, float* dprediction, Write write, const float* loss_scale,
                  void*) noexcept {
  if (kind == Regression::huber && !(delta > 0.0f)) return Status::invalid;
  const Gradient to(dprediction, write, loss_scale);
  return for_rows(rows, cols, sample_weight, sums, to, [&](int64_t r, float f, float* dp) {
    const float* p = prediction + r * cols;
    const float* t = targets + r * cols;
    switch (kind) {
      case Regression::mse:
        return row_loss(
            cols, f, to, dp, [=](int64_t k) { return (p[k] - t[k]) * (p[k] - t[k]); },
            [=](int64_t k) { return 2.0f * (p[k] - t[k]); });
      case Regression::mae:
        return row_loss(
            cols, f, to, dp, [=](int64_t k) { return __builtin_fabsf(p[k] - t[k]); },
            [=](int64_t k) {
              const float d = p[k] - t[k];
              return d > 0.0f ? 1.0f : (d < 0.0f ? -1.0f : d);
            });
      case Regression::huber:
        break;
    }
    return row_loss(
        cols, f, to, dp,
        [=](int64_t k) {
          const float a = __builtin_fabsf(p[k] - t[k]);
          return a <= delta ? 0.5f * a * a : delta * (a - 0.5f * delta);
        },
        [=](int64_t k) {
          const float d = p[k] - t[k];
          return d > delta ? delta : (d < -delta ? -delta : d);
        });
  });
}

Status hinge(Stream*, int64_t rows, int64_t cols, bool squared, float margin, const float* logits,
             const int64_t* labels, const float* sample_weight, LossSums* sums, float* dlogits,
             Write write, const float* loss_scale, void*) noexcept {
  *sums = {};
  const int64_t classes = cols == 1 ? 2 : cols;
  for (int64_t r = 0; r < rows; ++r) {
    if (labels[r] < 0 || labels[r] >= classes) return Status::invalid;
  }
  const Gradient to(dlogits, write, loss_scale);
  const auto value = [squared](float v) { return squared ? v * v : v; };
  const auto slope = [squared](float v) { return v > 0.0f ? (squared ? 2.0f * v : 1.0f) : 0.0f; };
  return for_rows(rows, cols, sample_weight, sums, to, [&](int64_t r, float f, float* dz) {
    const float* z = logits + r * cols;
    if (cols == 1) {
      const float t = labels[r] == 1 ? 1.0f : -1.0f;
      const float v = positive_part(margin - t * z[0]);
      return row_loss(
          1, f, to, dz, [&](int64_t) { return value(v); }, [&](int64_t) { return -t * slope(v); });
    }
    // The label's own term is taken out: in value by weight 0, in slope by the sum of the others.
    const int64_t label = labels[r];
    const float base = margin - z[label];
    const auto excess = [=](int64_t k) { return k == label ? 0.0f : positive_part(base + z[k]); };
    const float others = sum_terms<float>(cols, [&](int64_t k) { return slope(excess(k)); });
    return row_loss(
        cols, f, to, dz, [&](int64_t k) { return value(excess(k)); },
        [&](int64_t k) { return k == label ? -others : slope(excess(k)); });
  });
}

}  // namespace trireme::cpu::TRIREME_LEVEL
