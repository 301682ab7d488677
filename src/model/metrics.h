#pragma once
// Metrics as sums that add up exactly over leaves and ranks: each leaf contributes doubles, the
// totals are finished once. Counts are exact up to 2^53. What sums cannot say, such as the order of
// all samples or of those of a group, is finished from every sample's score.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "config/experiment.h"
#include "model/build.h"

namespace trireme {

struct MetricValue {
  std::string name;  // "accuracy", "top_5", "f1_macro", "f1/CLASS", "mse", "r2"
  double value;
};

struct ScoredSample {  // of two classes
  float score;         // the logit of class 1
  float weight;
  int32_t label;
};

struct GroupedSample {  // of two classes, in a list of its own
  int64_t group;
  float score;  // the logit of class 1
  int32_t label;
};

struct Scores {                        // of samples in any order
  std::vector<ScoredSample> samples;   // where a metric orders them all: 12 bytes each
  std::vector<GroupedSample> grouped;  // where one orders those of each group: 16 bytes each
  void clear();
  void append(const Scores& others);
};

class MetricSet {
 public:
  // Defaults when the file names none: accuracy for classes, mse and r2 for values. class_names may
  // be empty.
  MetricSet(const ModelConfig& model, const DataShape& data, std::vector<std::string> class_names);
  ~MetricSet();
  int64_t doubles() const;  // per leaf
  // Adds one leaf: outputs [n, width] (logits; binary: one logit), labels or targets, weight or
  // null.
  void accumulate(int64_t n, int64_t width, const float* outputs, const int64_t* labels,
                  const float* targets, const float* weight, double* sums) const;
  bool gathers() const;  // some metric needs the scores
  // Appends one leaf's scores. ids: [n, features, values], or null where the data has none.
  void gather(int64_t n, int64_t width, const float* outputs, const int64_t* labels,
              const float* weight, const int64_t* ids, Scores& scores) const;
  // `scores`: of all samples; the same samples give the same bits.
  std::vector<MetricValue> finish(std::span<const double> totals, Scores scores = {}) const;
  bool has_confusion() const;
  std::vector<std::vector<int64_t>> confusion(
      std::span<const double> totals) const;  // [actual][predicted]
  const std::vector<std::string>& class_names() const;
  // True where larger is better ("accuracy"), false where smaller is ("mse", "loss").
  static bool larger_is_better(std::string_view name);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trireme
