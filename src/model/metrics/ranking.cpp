// How well each group's samples are ordered: lists of one positive and some negatives for each user
// (He et al., "Neural collaborative filtering", WWW 2017), or of several positives. Rank 1 is the
// highest score of the group. A positive counts as behind all negatives with the same score, and a
// NaN as behind all numbers: a model that gives one score to all has the least value, not luck.
// Groups without a positive are left out; sample weights are not looked at.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/metrics/metric.h"

namespace trireme {
namespace {

using Group = std::span<const GroupedSample>;

// The mean over groups of what one group with a positive is worth.
class GroupMean : public Metric {
 public:
  GroupMean(const char* name, int64_t k, int64_t group_feature)
      : name_(fmt::format("{}_{}", name, k)), k_(static_cast<size_t>(k)), feature_(group_feature) {}
  int64_t doubles() const override { return 0; }
  Needs needs() const override { return Needs::groups; }
  int64_t group_feature() const override { return feature_; }
  void accumulate(const MetricBatch&, double*) const override {}
  void finish(const double*, std::vector<MetricValue>& out) const override {
    out.push_back({name_, NAN});
  }
  void finish_groups(Group all, std::vector<MetricValue>& out) const override {
    double sum = 0, groups = 0;
    for (size_t begin = 0, end = 0; begin < all.size(); begin = end) {
      while (end < all.size() && all[end].group == all[begin].group) ++end;
      const Group group = all.subspan(begin, end - begin);
      const auto positives = static_cast<size_t>(
          std::ranges::count_if(group, [](const GroupedSample& s) { return s.label == 1; }));
      if (positives == 0) continue;
      sum += value_of(group.first(std::min(k_, group.size())), positives);
      ++groups;
    }
    out.push_back({name_, groups > 0 ? sum / groups : NAN});
  }

 protected:
  // first: the group's samples of ranks 1 to k, in their order. positives: of the whole group.
  virtual double value_of(Group first, size_t positives) const = 0;
  size_t k() const { return k_; }

 private:
  std::string name_;
  size_t k_;
  int64_t feature_;
};

// 1 where some positive is among the first k.
class HitRate final : public GroupMean {
 public:
  using GroupMean::GroupMean;

 private:
  double value_of(Group first, size_t) const override {
    return std::ranges::any_of(first, [](const GroupedSample& s) { return s.label == 1; }) ? 1 : 0;
  }
};

// sum of 1 / log2(1 + rank) over the positives among the first k, divided by what it would be if
// all positives came first (Jarvelin and Kekalainen, ACM TOIS 20, 2002; gains of 0 and 1).
class Ndcg final : public GroupMean {
 public:
  using GroupMean::GroupMean;

 private:
  double value_of(Group first, size_t positives) const override {
    double found = 0, best = 0;
    for (size_t i = 0; i < first.size(); ++i)
      if (first[i].label == 1) found += gain(i + 1);
    for (size_t rank = 1; rank <= std::min(k(), positives); ++rank) best += gain(rank);
    return found / best;
  }
  static double gain(size_t rank) { return 1 / std::log2(1 + static_cast<double>(rank)); }
};

}  // namespace

std::unique_ptr<Metric> make_hit_rate(int64_t k, int64_t group_feature) {
  return std::make_unique<HitRate>("hit_rate", k, group_feature);
}
std::unique_ptr<Metric> make_ndcg(int64_t k, int64_t group_feature) {
  return std::make_unique<Ndcg>("ndcg", k, group_feature);
}

}  // namespace trireme
