#include "model/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "model/build/model_text.h"

namespace trireme {
namespace {

using namespace testing_model;
using Totals = std::vector<double>;

std::vector<std::string> names_of(const std::vector<MetricValue>& values) {
  std::vector<std::string> names;
  for (const auto& value : values) names.push_back(value.name);
  return names;
}

double value_of(const std::vector<MetricValue>& values, const std::string& name) {
  for (const auto& value : values)
    if (value.name == name) return value.value;
  ADD_FAILURE() << "no metric " << name;
  return -1;
}

// 12 samples of 4 classes; class 3 never occurs and is predicted once.
struct Sample {
  std::vector<int64_t> labels{0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2};
  std::vector<int64_t> guesses{0, 0, 1, 2, 1, 1, 0, 2, 2, 2, 3, 0};
  std::vector<float> weight{1, 2, 0.5f, 1, 3, 1, 1, 0.25f, 1, 1, 2, 1};
  std::vector<float> logits() const {
    std::vector<float> out(guesses.size() * 4, 0.0f);
    for (size_t i = 0; i < guesses.size(); ++i) out[i * 4 + static_cast<size_t>(guesses[i])] = 2.5f;
    return out;
  }
};

std::vector<MetricValue> run_sample(const std::string& metrics, bool weighted) {
  const Sample s;
  const MetricSet set(model_of(metrics), features(8, 4), {"a", "b", "c", "d"});
  Totals sums(static_cast<size_t>(set.doubles()));
  set.accumulate(12, 4, s.logits().data(), s.labels.data(), nullptr,
                 weighted ? s.weight.data() : nullptr, sums.data());
  return set.finish(sums);
}

const std::string kAllScores =
    "metric = accuracy\nmetric = precision\nmetric = recall\nmetric = f1\nmetric = precision "
    "average=micro\n"
    "metric = recall average=none\nmetric = f1 average=none";

// By hand, with the definitions of sklearn.metrics for labels=[0, 1, 2, 3] and zero_division=0.
TEST(Metrics, ScoresOfClassesFollowScikitLearnsDefinitions) {
  const auto values = run_sample(kAllScores, false);
  EXPECT_DOUBLE_EQ(value_of(values, "accuracy"), 7.0 / 12);
  EXPECT_DOUBLE_EQ(value_of(values, "precision_macro"), (0.5 + 2.0 / 3 + 0.75 + 0) / 4);
  EXPECT_DOUBLE_EQ(value_of(values, "recall_macro"), (0.5 + 2.0 / 3 + 0.6 + 0) / 4);
  EXPECT_DOUBLE_EQ(value_of(values, "f1_macro"), (0.5 + 2.0 / 3 + 2.0 / 3 + 0) / 4);
  EXPECT_DOUBLE_EQ(value_of(values, "precision_micro"), 7.0 / 12);
  EXPECT_DOUBLE_EQ(value_of(values, "recall/c"), 0.6);
  EXPECT_DOUBLE_EQ(value_of(values, "f1/d"), 0);
}

TEST(Metrics, SampleWeightsMultiplyCounts) {
  const auto values = run_sample(kAllScores, true);
  EXPECT_DOUBLE_EQ(value_of(values, "accuracy"), 9.25 / 14.75);
  EXPECT_DOUBLE_EQ(value_of(values, "recall/a"), 3 / 4.5);
  EXPECT_DOUBLE_EQ(value_of(values, "recall/b"), 4.0 / 5);
  EXPECT_DOUBLE_EQ(value_of(values, "f1/b"), 2 * 4.0 / (5 + 4.5));
}

TEST(Metrics, ConfusionCountsSamplesByActualAndPredictedClass) {
  const Sample s;
  const MetricSet set(model_of("metric = accuracy\nmetric = confusion_matrix"), features(8, 4), {});
  ASSERT_TRUE(set.has_confusion());
  Totals sums(static_cast<size_t>(set.doubles()));
  set.accumulate(12, 4, s.logits().data(), s.labels.data(), nullptr, s.weight.data(), sums.data());
  const std::vector<std::vector<int64_t>> expected = {
      {2, 1, 1, 0}, {1, 2, 0, 0}, {1, 0, 3, 1}, {0, 0, 0, 0}};
  EXPECT_EQ(set.confusion(sums), expected);
  EXPECT_EQ(names_of(set.finish(sums)), std::vector<std::string>{"accuracy"});
  EXPECT_EQ(set.class_names(), (std::vector<std::string>{"0", "1", "2", "3"}));
}

TEST(Metrics, AnyCutIntoLeavesGivesTheSameCounts) {
  const Sample s;
  const auto logits = s.logits();
  const MetricSet set(model_of(kAllScores + "\nmetric = top_k k=2\nmetric = confusion_matrix"),
                      features(8, 4), {});
  Totals whole(static_cast<size_t>(set.doubles()));
  set.accumulate(12, 4, logits.data(), s.labels.data(), nullptr, nullptr, whole.data());
  for (int64_t cut = 0; cut <= 12; ++cut) {
    Totals first(whole.size()), second(whole.size());
    set.accumulate(cut, 4, logits.data(), s.labels.data(), nullptr, nullptr, first.data());
    set.accumulate(12 - cut, 4, logits.data() + cut * 4, s.labels.data() + cut, nullptr, nullptr,
                   second.data());
    for (size_t i = 0; i < whole.size(); ++i) EXPECT_EQ(first[i] + second[i], whole[i]) << cut;
  }
}

TEST(Metrics, TopKCountsTiesInOrderOfTheClasses) {
  const std::vector<float> logits{1, 3, 2, 0, 5, 5, 5, 5};
  const MetricSet set(model_of("metric = top_k k=2"), features(8, 4), {});
  const auto score = [&](std::vector<int64_t> labels) {
    Totals sums(2);
    set.accumulate(2, 4, logits.data(), labels.data(), nullptr, nullptr, sums.data());
    return set.finish(sums)[0];
  };
  EXPECT_EQ(score({2, 1}).name, "top_2");
  EXPECT_EQ(score({2, 1}).value, 1);
  EXPECT_EQ(score({0, 1}).value, 0.5);
  EXPECT_EQ(score({0, 2}).value, 0);
}

TEST(Metrics, NotANumberIsNeverRight) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> logits{1, nan, 0, 0};
  const int64_t label = 0;
  const MetricSet set(model_of("metric = accuracy\nmetric = top_k k=1"), features(8, 4), {});
  Totals sums(4);
  set.accumulate(1, 4, logits.data(), &label, nullptr, nullptr, sums.data());
  EXPECT_EQ(sums, (Totals{0, 1, 0, 1}));
}

TEST(Metrics, OneLogitAboveZeroPredictsTheSecondClass) {
  const std::vector<float> logits{0.5f, -0.5f, 0, 2};
  const std::vector<int64_t> labels{1, 0, 1, 0};
  const MetricSet set(model_of("metric = accuracy\nmetric = recall average=none"), features(8, 2),
                      {"no", "yes"});
  Totals sums(static_cast<size_t>(set.doubles()));
  set.accumulate(4, 1, logits.data(), labels.data(), nullptr, nullptr, sums.data());
  EXPECT_EQ(value_of(set.finish(sums), "accuracy"), 0.5);
  EXPECT_EQ(value_of(set.finish(sums), "recall/yes"), 0.5);
}

// The example of sklearn.metrics.r2_score; the weighted values by hand.
TEST(Metrics, ErrorsOfValuesFollowScikitLearnsDefinitions) {
  const std::vector<float> y{3, -0.5f, 2, 7}, p{2.5f, 0, 2, 8}, w{1, 2, 1, 4};
  const MetricSet set(model_of("metric = mse\nmetric = mae\nmetric = r2"), values(8), {});
  Totals sums(static_cast<size_t>(set.doubles()));
  set.accumulate(4, 1, p.data(), nullptr, y.data(), nullptr, sums.data());
  auto got = set.finish(sums);
  EXPECT_DOUBLE_EQ(value_of(got, "mse"), 0.375);
  EXPECT_DOUBLE_EQ(value_of(got, "mae"), 0.5);
  EXPECT_NEAR(value_of(got, "r2"), 0.9486081370449679, 1e-14);
  sums.assign(sums.size(), 0);
  set.accumulate(4, 1, p.data(), nullptr, y.data(), w.data(), sums.data());
  got = set.finish(sums);
  EXPECT_DOUBLE_EQ(value_of(got, "mse"), (0.25 + 2 * 0.25 + 0 + 4) / 8);
  EXPECT_NEAR(value_of(got, "r2"), 1 - 4.75 / (209.5 - 32.0 * 32 / 8), 1e-14);
}

TEST(Metrics, R2AveragesColumnsAndKnowsConstantOnes) {
  const std::vector<float> y{0.1f, 1, 0.1f, 2, 0.1f, 3}, p{0.2f, 1, 0.1f, 2, 0.1f, 3};
  const MetricSet set(model_of("metric = r2"), values(8, 2), {});
  Totals sums(8), exact(8);
  set.accumulate(3, 2, p.data(), nullptr, y.data(), nullptr, sums.data());
  EXPECT_DOUBLE_EQ(set.finish(sums)[0].value, 0.5);  // columns: 0 and 1
  set.accumulate(3, 2, y.data(), nullptr, y.data(), nullptr, exact.data());
  EXPECT_DOUBLE_EQ(set.finish(exact)[0].value, 1);
}

TEST(Metrics, DefaultsFollowTheTargets) {
  const MetricSet classes(model_of(""), features(8, 4), {}), reals(model_of(""), values(8), {});
  EXPECT_EQ(names_of(classes.finish(Totals(2))), std::vector<std::string>{"accuracy"});
  EXPECT_EQ(names_of(reals.finish(Totals(6))), (std::vector<std::string>{"mse", "r2"}));
}

TEST(Metrics, SayWhetherLargerIsBetter) {
  for (const char* name :
       {"accuracy", "validation/accuracy", "top_5", "f1/cat", "validation/f1_macro", "r2"})
    EXPECT_TRUE(MetricSet::larger_is_better(name)) << name;
  for (const char* name : {"loss", "validation/loss", "mse", "train/mae"})
    EXPECT_FALSE(MetricSet::larger_is_better(name)) << name;
}

std::string metric_error(const std::string& lines, const DataShape& data) {
  return error_of([&] { MetricSet(model_of(lines), data, {}); });
}

TEST(Metrics, AllBadLinesAreReportedAtOnce) {
  EXPECT_EQ(
      metric_error("metric = acuracy\nmetric = top_k k=5\nmetric = f1 average=mean\nmetric = mse\n"
                   "metric = recall avg=none\nmetric = m: accuracy\nmetric = accuracy k=1",
                   features(8, 4)),
      "m.ini:1: acuracy: unknown metric acuracy (did you mean accuracy?)\n"
      "m.ini:2: top_k: k=5 is not an integer from 1 to the 4 classes\n"
      "m.ini:3: f1: average=mean is not one of macro, micro, none\n"
      "m.ini:4: mse: mse needs real values, but the data has labels of 4 classes (set data.target "
      "= value)\n"
      "m.ini:5: recall: recall has no option avg (known: average)\n"
      "m.ini:6: m: a metric reads the model's output and the data's target (write metric = "
      "accuracy)\n"
      "m.ini:7: accuracy: accuracy has no option k (there are none)");
  EXPECT_EQ(metric_error("metric = accuracy\nmetric = accuracy", features(8, 4)),
            "m.ini:2: accuracy: this metric is there already (remove one of the two lines)");
  EXPECT_EQ(
      metric_error("metric = f1", values(8)),
      "m.ini:1: f1: f1 needs class labels, but the data has real values (set data.target = class)");
}

TEST(Metrics, OutputsOfAnotherWidthAreRefused) {
  const MetricSet set(model_of("metric = accuracy"), features(8, 4), {});
  const float logits[3] = {1, 2, 3};
  const int64_t label = 0;
  double sums[2] = {0, 0};
  EXPECT_EQ(error_of([&] { set.accumulate(1, 3, logits, &label, nullptr, nullptr, sums); }),
            "metrics: the model gives 3 outputs for each sample, but the data has 4 classes "
            "(set the units of the last dense layer)");
}

}  // namespace
}  // namespace trireme
