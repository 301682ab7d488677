// Metrics of two classes: log loss, normalised entropy, calibration and the area under the ROC
// curve.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/rng.h"
#include "model/build/model_text.h"
#include "model/metrics.h"
#include "model/metrics/recorded_binary.h"

namespace trireme {
namespace {

using namespace testing_model;

const std::string kAll =
    "metric = auc\nmetric = log_loss\nmetric = normalized_entropy\nmetric = calibration";

struct Samples {
  std::vector<float> logits;
  std::vector<int64_t> labels;
  std::vector<float> weights;  // empty: all 1
};

// All in one leaf. two_outputs: logits of both classes, whose difference is what one would be.
std::vector<double> values_of(const std::string& metrics, const Samples& s, bool two_outputs) {
  const MetricSet set(model_of(metrics), features(3, 2), {});
  std::vector<float> outputs;
  for (float z : s.logits) {
    if (two_outputs) outputs.push_back(0.5f);
    outputs.push_back(two_outputs ? z + 0.5f : z);
  }
  const auto n = static_cast<int64_t>(s.labels.size()), width = int64_t{two_outputs ? 2 : 1};
  const float* weights = s.weights.empty() ? nullptr : s.weights.data();
  std::vector<double> sums(static_cast<size_t>(set.doubles()));
  Scores scores;
  set.accumulate(n, width, outputs.data(), s.labels.data(), nullptr, weights, sums.data());
  set.gather(n, width, outputs.data(), s.labels.data(), weights, nullptr, scores);
  std::vector<double> values;
  for (const MetricValue& value : set.finish(sums, scores)) values.push_back(value.value);
  return values;
}

double auc_of(const Samples& s) { return values_of("metric = auc", s, false).at(0); }

TEST(BinaryMetrics, EqualScikitLearn) {
  const Samples plain{recorded::kLogits, recorded::kLabels, {}};
  const Samples weighted{recorded::kLogits, recorded::kLabels, recorded::kWeights};
  for (const bool two_outputs : {false, true}) {
    const auto a = values_of(kAll, plain, two_outputs), b = values_of(kAll, weighted, two_outputs);
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(a[i], recorded::kPlain[i], 1e-12) << i;
      EXPECT_NEAR(b[i], recorded::kWeighted[i], 1e-12) << i;
    }
  }
}

TEST(BinaryMetrics, TheAreaCountsEveryPair) {
  Samples s;
  for (uint64_t i = 0; i < 400; ++i) {
    const Philox4 words = philox(5, i, 0);
    s.labels.push_back(words[0] % 5 == 0);
    s.logits.push_back(static_cast<float>(words[1] % 50) - 20 + static_cast<float>(s.labels[i]));
    s.weights.push_back(static_cast<float>(words[2] % 4));
  }
  double won = 0, pairs = 0;
  for (size_t p = 0; p < 400; ++p) {
    for (size_t q = 0; q < 400; ++q) {
      if (s.labels[p] != 1 || s.labels[q] != 0) continue;
      const double w = double{s.weights[p]} * double{s.weights[q]};
      pairs += w;
      won += s.logits[p] > s.logits[q] ? w : s.logits[p] == s.logits[q] ? w / 2 : 0;
    }
  }
  EXPECT_NEAR(auc_of(s), won / pairs, 1e-14);
  EXPECT_NE(won, pairs / 2);
}

TEST(BinaryMetrics, TheAreaHasTheSameBitsInWhateverOrderScoresArrive) {
  Samples s;
  for (uint64_t i = 0; i < 1000; ++i) {
    const Philox4 words = philox(6, i, 0);
    s.labels.push_back(words[0] & 1);
    s.logits.push_back(static_cast<float>(words[1] % 100));
    s.weights.push_back(to_unit_float(words[2]));
  }
  Samples shuffled = s;
  for (size_t i = 0; i < s.labels.size(); ++i) {
    const size_t j = (i * 617 + 5) % s.labels.size();
    shuffled.labels[i] = s.labels[j];
    shuffled.logits[i] = s.logits[j];
    shuffled.weights[i] = s.weights[j];
  }
  EXPECT_EQ(auc_of(shuffled), auc_of(s));
}

TEST(BinaryMetrics, HaveNoValueWhereTheyAreNotDefined) {
  EXPECT_TRUE(std::isnan(auc_of({{1, 2}, {1, 1}, {}})));
  EXPECT_TRUE(std::isnan(auc_of({{1, 2}, {0, 0}, {}})));
  EXPECT_TRUE(std::isnan(auc_of({{1, NAN, 3}, {0, 0, 1}, {}})));
  EXPECT_TRUE(std::isnan(auc_of({{}, {}, {}})));
  EXPECT_EQ(auc_of({{0.0f, -0.0f}, {1, 0}, {}}), 0.5);
  EXPECT_TRUE(std::isnan(values_of("metric = normalized_entropy", {{1}, {1}, {}}, false)[0]));
  EXPECT_TRUE(std::isnan(values_of("metric = calibration", {{1}, {0}, {}}, false)[0]));
}

TEST(BinaryMetrics, LogLossIsFiniteForLargeLogits) {
  const auto loss = values_of("metric = log_loss", {{800, -800}, {0, 1}, {}}, false);
  EXPECT_DOUBLE_EQ(loss[0], 800);
  EXPECT_EQ(values_of("metric = log_loss", {{800, -800}, {1, 0}, {}}, false)[0], 0);
}

TEST(BinaryMetrics, NeedTwoClasses) {
  EXPECT_EQ(error_of([] { MetricSet(model_of("metric = auc"), features(3, 4), {}); }),
            "m.ini:1: auc: auc is of two classes, but the data has 4");
  EXPECT_EQ(error_of([] { MetricSet(model_of("metric = log_loss k=2"), features(3, 2), {}); }),
            "m.ini:1: log_loss: log_loss has no option k (there are none)");
}

TEST(BinaryMetrics, OnlyAGreaterAreaIsBetter) {
  EXPECT_TRUE(MetricSet::larger_is_better("validation/auc"));
  EXPECT_FALSE(MetricSet::larger_is_better("validation/log_loss"));
  EXPECT_FALSE(MetricSet::larger_is_better("normalized_entropy"));
}

}  // namespace
}  // namespace trireme
