#pragma once
// One metric: a fixed number of sums, how a sample adds to them, and what they mean at the end.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/metrics.h"

namespace trireme {

struct MetricBatch {
  int64_t n, width;
  const float* outputs;   // [n, width]
  const int64_t* labels;  // [n], or null
  const float* targets;   // [n, width], or null
  const float* weight;    // [n], or null: all one
  double weight_of(int64_t i) const { return weight ? static_cast<double>(weight[i]) : 1.0; }
  const float* row(int64_t i) const { return outputs + i * width; }
};

class Metric {
 public:
  virtual ~Metric() = default;
  virtual int64_t doubles() const = 0;
  virtual void accumulate(const MetricBatch& batch, double* sums) const = 0;
  virtual void finish(const double* totals, std::vector<MetricValue>& out) const = 0;
  // What finish() is asked with: where no sums will do, finish_scores() or finish_groups() is
  // asked instead.
  enum class Needs : uint8_t { sums, scores, groups };
  virtual Needs needs() const { return Needs::sums; }
  // All samples by ascending score (NaN first), label and weight.
  virtual void finish_scores(std::span<const ScoredSample>, std::vector<MetricValue>&) const {}
  // All samples by group, within it by descending score (NaN last), then label.
  virtual void finish_groups(std::span<const GroupedSample>, std::vector<MetricValue>&) const {}
  // The feature whose id tells the groups apart. Requires needs() == groups.
  virtual int64_t group_feature() const { return 0; }
};

// The class that one row of outputs predicts: the first largest (a NaN is largest, as for
// torch.argmax), or of one logit, whether it is above 0.
int64_t predicted_class(const float* row, int64_t width);

// Of two classes: the logit of class 1.
float binary_logit(const float* row, int64_t width);

// 0 where the divisor is: scikit-learn's convention for empty classes.
inline double ratio(double a, double b) { return b == 0 ? 0 : a / b; }

enum class Average : uint8_t { macro, micro, none };
enum class Score : uint8_t { precision, recall, f1 };

std::unique_ptr<Metric> make_accuracy();
std::unique_ptr<Metric> make_top_k(int64_t k);
// names: one per class.
std::unique_ptr<Metric> make_class_score(Score score, Average average,
                                         std::vector<std::string> names);
std::unique_ptr<Metric> make_confusion(int64_t classes);
// Two classes.
std::unique_ptr<Metric> make_log_loss();
std::unique_ptr<Metric> make_normalized_entropy();
std::unique_ptr<Metric> make_calibration();
std::unique_ptr<Metric> make_auc();
// Two classes, among the k first of each group.
std::unique_ptr<Metric> make_hit_rate(int64_t k, int64_t group_feature);
std::unique_ptr<Metric> make_ndcg(int64_t k, int64_t group_feature);
std::unique_ptr<Metric> make_mse();
std::unique_ptr<Metric> make_mae();
std::unique_ptr<Metric> make_r2(int64_t width);

// `totals` of make_confusion as [actual][predicted].
std::vector<std::vector<int64_t>> confusion_rows(std::span<const double> totals);

}  // namespace trireme
