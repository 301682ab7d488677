#include <fmt/format.h>

#include <cmath>

#include "model/metrics/metric.h"

namespace trireme {
namespace {

// sums: {weight of the samples that were right, weight of all}
class Accuracy final : public Metric {
 public:
  int64_t doubles() const override { return 2; }
  void accumulate(const MetricBatch& b, double* sums) const override {
    for (int64_t i = 0; i < b.n; ++i) {
      sums[1] += b.weight_of(i);
      if (predicted_class(b.row(i), b.width) == b.labels[i]) sums[0] += b.weight_of(i);
    }
  }
  void finish(const double* totals, std::vector<MetricValue>& out) const override {
    out.push_back({"accuracy", ratio(totals[0], totals[1])});
  }
};

// Right when fewer than k classes come before the label's: by larger output, of equal ones by lower
// number. A NaN comes before everything, so that a diverged model is never right.
class TopK final : public Metric {
 public:
  explicit TopK(int64_t k) : k_(k) {}
  int64_t doubles() const override { return 2; }
  void accumulate(const MetricBatch& b, double* sums) const override {
    for (int64_t i = 0; i < b.n; ++i) {
      sums[1] += b.weight_of(i);
      const float* row = b.row(i);
      const float own = row[b.labels[i]];
      int64_t before = 0;
      for (int64_t c = 0; c < b.width; ++c)
        before += c != b.labels[i] && !(row[c] < own || (row[c] == own && c > b.labels[i]));
      if (before < k_) sums[0] += b.weight_of(i);
    }
  }
  void finish(const double* totals, std::vector<MetricValue>& out) const override {
    out.push_back({fmt::format("top_{}", k_), ratio(totals[0], totals[1])});
  }

 private:
  int64_t k_;
};

// Per class three sums: right, actual, predicted.
class ClassScore final : public Metric {
 public:
  ClassScore(Score score, Average average, std::vector<std::string> names)
      : score_(score), average_(average), names_(std::move(names)) {}
  int64_t doubles() const override { return 3 * classes(); }

  void accumulate(const MetricBatch& b, double* sums) const override {
    for (int64_t i = 0; i < b.n; ++i) {
      const int64_t guess = predicted_class(b.row(i), b.width);
      if (guess == b.labels[i]) sums[guess] += b.weight_of(i);
      sums[classes() + b.labels[i]] += b.weight_of(i);
      sums[2 * classes() + guess] += b.weight_of(i);
    }
  }

  void finish(const double* totals, std::vector<MetricValue>& out) const override {
    const std::string name = score_ == Score::precision ? "precision"
                             : score_ == Score::recall  ? "recall"
                                                        : "f1";
    double sum = 0, micro[3] = {0, 0, 0};
    for (int64_t c = 0; c < classes(); ++c) {
      const double right = totals[c], actual = totals[classes() + c],
                   predicted = totals[2 * classes() + c];
      const double value = of(right, actual, predicted);
      if (average_ == Average::none)
        out.push_back({name + "/" + names_[static_cast<size_t>(c)], value});
      sum += value;
      micro[0] += right;
      micro[1] += actual;
      micro[2] += predicted;
    }
    if (average_ == Average::macro)
      out.push_back({name + "_macro", ratio(sum, static_cast<double>(classes()))});
    if (average_ == Average::micro)
      out.push_back({name + "_micro", of(micro[0], micro[1], micro[2])});
  }

 private:
  int64_t classes() const { return static_cast<int64_t>(names_.size()); }
  double of(double right, double actual, double predicted) const {
    if (score_ == Score::precision) return ratio(right, predicted);
    if (score_ == Score::recall) return ratio(right, actual);
    return ratio(2 * right, actual + predicted);
  }

  Score score_;
  Average average_;
  std::vector<std::string> names_;
};

// classes x classes sample counts, row by row; sample weights do not change how many samples there
// were.
class Confusion final : public Metric {
 public:
  explicit Confusion(int64_t classes) : classes_(classes) {}
  int64_t doubles() const override { return classes_ * classes_; }
  void accumulate(const MetricBatch& b, double* sums) const override {
    for (int64_t i = 0; i < b.n; ++i)
      sums[b.labels[i] * classes_ + predicted_class(b.row(i), b.width)] += 1;
  }
  void finish(const double*, std::vector<MetricValue>&) const override {}

 private:
  int64_t classes_;
};

}  // namespace

int64_t predicted_class(const float* row, int64_t width) {
  if (width == 1) return row[0] > 0 ? 1 : 0;
  int64_t best = 0;
  for (int64_t c = 1; c < width; ++c)
    if (row[c] > row[best] || (std::isnan(row[c]) && !std::isnan(row[best]))) best = c;
  return best;
}

std::vector<std::vector<int64_t>> confusion_rows(std::span<const double> totals) {
  const auto classes =
      static_cast<size_t>(std::llround(std::sqrt(static_cast<double>(totals.size()))));
  std::vector<std::vector<int64_t>> rows(classes, std::vector<int64_t>(classes));
  for (size_t i = 0; i < totals.size(); ++i)
    rows[i / classes][i % classes] = std::llround(totals[i]);
  return rows;
}

std::unique_ptr<Metric> make_accuracy() { return std::make_unique<Accuracy>(); }
std::unique_ptr<Metric> make_top_k(int64_t k) { return std::make_unique<TopK>(k); }
std::unique_ptr<Metric> make_class_score(Score score, Average average,
                                         std::vector<std::string> names) {
  return std::make_unique<ClassScore>(score, average, std::move(names));
}
std::unique_ptr<Metric> make_confusion(int64_t classes) {
  return std::make_unique<Confusion>(classes);
}

}  // namespace trireme
