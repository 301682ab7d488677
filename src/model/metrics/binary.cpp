// Metrics of two classes from the logit of class 1: the output itself, or of two outputs the
// difference.
#include <cmath>

#include "model/metrics/metric.h"

namespace trireme {
namespace {

// p = 1 / (1 + exp(-logit)).
double probability(double logit) { return 1 / (1 + std::exp(-logit)); }

// -log of the probability of the label, without overflow.
double log_loss(double logit, int64_t label) {
  const double z = label == 1 ? -logit : logit;  // log(1 + exp(z))
  return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z));
}

// sums: {w loss, w, w label}
class LogLoss final : public Metric {
 public:
  // normalized: by the entropy of the labels themselves, which a constant prediction of their mean
  // has for its loss (He et al., "Practical lessons from predicting clicks on ads at Facebook",
  // ADKDD 2014).
  explicit LogLoss(bool normalized) : normalized_(normalized) {}
  int64_t doubles() const override { return 3; }
  void accumulate(const MetricBatch& b, double* sums) const override {
    for (int64_t i = 0; i < b.n; ++i) {
      const double w = b.weight_of(i);
      sums[0] += w * log_loss(binary_logit(b.row(i), b.width), b.labels[i]);
      sums[1] += w;
      if (b.labels[i] == 1) sums[2] += w;
    }
  }
  void finish(const double* totals, std::vector<MetricValue>& out) const override {
    const double loss = ratio(totals[0], totals[1]);
    if (!normalized_) {
      out.push_back({"log_loss", loss});
      return;
    }
    const double p = ratio(totals[2], totals[1]);
    const double entropy = p > 0 && p < 1 ? -p * std::log(p) - (1 - p) * std::log(1 - p) : 0;
    out.push_back({"normalized_entropy", entropy > 0 ? loss / entropy : NAN});
  }

 private:
  bool normalized_;
};

// Sum of the probabilities by that of the labels: 1 where they agree on average.
// sums: {w p, w label}
class Calibration final : public Metric {
 public:
  int64_t doubles() const override { return 2; }
  void accumulate(const MetricBatch& b, double* sums) const override {
    for (int64_t i = 0; i < b.n; ++i) {
      sums[0] += b.weight_of(i) * probability(binary_logit(b.row(i), b.width));
      if (b.labels[i] == 1) sums[1] += b.weight_of(i);
    }
  }
  void finish(const double* totals, std::vector<MetricValue>& out) const override {
    out.push_back({"calibration", totals[1] > 0 ? totals[0] / totals[1] : NAN});
  }
};

// The share of pairs of a sample of class 1 and one of class 0 in which the former has the higher
// score, a tie counting half; a pair counts the product of its weights. Exact: no bins. NaN where a
// class is missing or a score is NaN.
class Auc final : public Metric {
 public:
  int64_t doubles() const override { return 0; }
  Needs needs() const override { return Needs::scores; }
  void accumulate(const MetricBatch&, double*) const override {}
  void finish(const double*, std::vector<MetricValue>& out) const override {
    out.push_back({"auc", NAN});
  }
  void finish_scores(std::span<const ScoredSample> sorted,
                     std::vector<MetricValue>& out) const override {
    double below = 0, positives = 0, pairs = 0;  // weights of class 0 so far, of class 1 so far
    for (size_t i = 0; i < sorted.size();) {
      double tied[2] = {0, 0};
      const float score = sorted[i].score;
      if (std::isnan(score)) return finish(nullptr, out);
      for (; i < sorted.size() && sorted[i].score == score; ++i)
        tied[sorted[i].label == 1] += double{sorted[i].weight};
      pairs += tied[1] * (below + tied[0] / 2);
      below += tied[0];
      positives += tied[1];
    }
    out.push_back({"auc", below > 0 && positives > 0 ? pairs / (below * positives) : NAN});
  }
};

}  // namespace

float binary_logit(const float* row, int64_t width) {
  return width == 1 ? row[0] : row[1] - row[0];
}

std::unique_ptr<Metric> make_log_loss() { return std::make_unique<LogLoss>(false); }
std::unique_ptr<Metric> make_normalized_entropy() { return std::make_unique<LogLoss>(true); }
std::unique_ptr<Metric> make_calibration() { return std::make_unique<Calibration>(); }
std::unique_ptr<Metric> make_auc() { return std::make_unique<Auc>(); }

}  // namespace trireme
