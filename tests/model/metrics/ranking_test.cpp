// Hit rate and NDCG at k over groups of samples.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "model/build/model_text.h"
#include "model/metrics.h"
#include "model/metrics/recorded_ranking.h"

namespace trireme {
namespace {

using namespace testing_model;

DataShape two_features_of_ids() {
  return {{0}, false, 2, 1, false, 2, 2, {"user", "item"}};  // two ids of each
}

struct Samples {
  std::vector<int64_t> groups;
  std::vector<float> scores;
  std::vector<int64_t> liked;
};

// groups: ids of `feature`, whose other id and whose other feature have numbers of their own.
std::vector<double> values_of(const std::string& metrics, const Samples& s, size_t feature = 0) {
  const MetricSet set(model_of(metrics), two_features_of_ids(), {});
  std::vector<int64_t> ids(4 * s.groups.size());
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int64_t>(i % 7);
  for (size_t i = 0; i < s.groups.size(); ++i) ids[4 * i + 2 * feature] = s.groups[i];
  std::vector<double> sums(static_cast<size_t>(set.doubles()));
  Scores scores;
  const auto n = static_cast<int64_t>(s.groups.size());
  set.accumulate(n, 1, s.scores.data(), s.liked.data(), nullptr, nullptr, sums.data());
  set.gather(n, 1, s.scores.data(), s.liked.data(), nullptr, ids.data(), scores);
  std::vector<double> values;
  for (const MetricValue& value : set.finish(sums, scores)) values.push_back(value.value);
  return values;
}

TEST(Ranking, EqualsCountingAndScikitLearn) {
  const Samples s{recorded::kGroups, recorded::kScores, recorded::kLiked};
  for (size_t i = 0; i < recorded::kCuts.size(); ++i) {
    const int k = recorded::kCuts[i];
    const auto found =
        values_of(fmt::format("metric = hit_rate k={0} group=item\nmetric = ndcg k={0} group=1", k),
                  s, /*feature=*/1);
    EXPECT_NEAR(found[0], recorded::kHitRates[i], 1e-12) << k;
    EXPECT_NEAR(found[1], recorded::kNdcg[i], 1e-12) << k;
  }
}

TEST(Ranking, OfOnePositiveIsOneOverTheLogarithmOfItsRank) {
  const Samples s{{5, 5, 5, 5, -9, -9, -9}, {3, 4, 1, 5, 1, 2, 3}, {1, 0, 0, 0, 1, 0, 0}};
  EXPECT_EQ(values_of("metric = hit_rate k=2\nmetric = ndcg k=2", s), (std::vector<double>{0, 0}));
  const auto three = values_of("metric = hit_rate k=3\nmetric = ndcg k=3", s);
  EXPECT_EQ(three[0], 1);
  EXPECT_DOUBLE_EQ(three[1], 1 / std::log2(4));
}

TEST(Ranking, APositiveIsBehindAllNegativesWithItsScore) {
  const std::string metrics = "metric = hit_rate k=2\nmetric = ndcg k=2";
  EXPECT_EQ(values_of(metrics, {{1, 1, 1}, {7, 7, 7}, {1, 0, 0}}), (std::vector<double>{0, 0}));
  EXPECT_EQ(values_of("metric = hit_rate k=1", {{1, 1}, {0.0f, -0.0f}, {1, 0}}),
            (std::vector<double>{0}));
  EXPECT_EQ(values_of("metric = hit_rate k=1", {{1, 1}, {NAN, -8}, {1, 0}}),
            (std::vector<double>{0}));
  EXPECT_EQ(values_of("metric = hit_rate k=1", {{1, 1}, {NAN, -8}, {0, 1}}),
            (std::vector<double>{1}));
}

TEST(Ranking, LeavesOutGroupsWithoutAPositive) {
  const std::string metrics = "metric = hit_rate k=1\nmetric = ndcg k=1";
  EXPECT_EQ(values_of(metrics, {{1, 2, 2}, {7, 1, 2}, {0, 0, 1}}), (std::vector<double>{1, 1}));
  for (const double none : values_of(metrics, {{1, 2, 2}, {7, 1, 2}, {0, 0, 0}}))
    EXPECT_TRUE(std::isnan(none));
}

TEST(Ranking, HasTheSameBitsInWhateverOrderSamplesArrive) {
  const Samples s{recorded::kGroups, recorded::kScores, recorded::kLiked};
  Samples turned = s;
  std::ranges::reverse(turned.groups);
  std::ranges::reverse(turned.scores);
  std::ranges::reverse(turned.liked);
  EXPECT_EQ(values_of("metric = ndcg k=7", s), values_of("metric = ndcg k=7", turned));
}

TEST(Ranking, GathersOnlyWhatItsMetricsNeed) {
  const auto sizes = [](const std::string& metrics) {
    const MetricSet set(model_of(metrics), two_features_of_ids(), {});
    Scores scores;
    const float output = 1;
    const int64_t label = 1, ids[4] = {8, -1, 9, -1};
    if (set.gathers()) set.gather(1, 1, &output, &label, nullptr, ids, scores);
    return std::pair(scores.samples.size(), scores.grouped.size());
  };
  EXPECT_EQ(sizes("metric = accuracy"), std::pair(size_t{0}, size_t{0}));
  EXPECT_EQ(sizes("metric = auc"), std::pair(size_t{1}, size_t{0}));
  EXPECT_EQ(sizes("metric = ndcg"), std::pair(size_t{0}, size_t{1}));
}

std::string refusal(const std::string& metrics, const DataShape& data) {
  return error_of([&] { MetricSet(model_of(metrics), data, {}); });
}

TEST(Ranking, IsRefusedInWords) {
  const DataShape data = two_features_of_ids();
  EXPECT_EQ(refusal("metric = hit_rate k=0", data),
            "m.ini:1: hit_rate: k=0 is not an integer from 1");
  EXPECT_EQ(refusal("metric = ndcg group=usr", data),
            "m.ini:1: ndcg: group=usr is none of the 2 features of ids (did you mean user?)");
  EXPECT_EQ(refusal("metric = ndcg average=macro", data),
            "m.ini:1: ndcg: ndcg has no option average (known: k, group)");
  EXPECT_EQ(refusal("metric = ndcg", features(3, 2)),
            "m.ini:1: ndcg: ndcg needs groups, but the data has no ids (name them in data.ids)");
  EXPECT_EQ(refusal("metric = ndcg", features(3, 4)),
            "m.ini:1: ndcg: ndcg is of two classes, but the data has 4");
  EXPECT_EQ(refusal("metric = hit_rate\nmetric = ndcg group=item", data),
            "m.ini:2: ndcg: another metric has other groups (give both the same group=)");
}

TEST(Ranking, IsBetterWhereItIsGreater) {
  EXPECT_TRUE(MetricSet::larger_is_better("validation/hit_rate_10"));
  EXPECT_TRUE(MetricSet::larger_is_better("ndcg_10"));
}

}  // namespace
}  // namespace trireme
