#include "model/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "base/error.h"
#include "model/metrics/read.h"

namespace trireme {

struct MetricSet::Impl {
  DataShape data;
  std::vector<std::string> class_names;
  std::vector<std::unique_ptr<Metric>> metrics;
  std::vector<int64_t> offsets;  // of each metric's sums
  std::optional<size_t> confusion;
  std::optional<int64_t> group_feature;  // of the metrics that need groups
  int64_t doubles = 0;

  void add(std::unique_ptr<Metric> metric) {
    offsets.push_back(doubles);
    doubles += metric->doubles();
    metrics.push_back(std::move(metric));
  }
  bool needs(Metric::Needs what) const {
    return std::ranges::any_of(metrics, [&](const auto& m) { return m->needs() == what; });
  }
};

void Scores::clear() {
  samples.clear();
  grouped.clear();
}

void Scores::append(const Scores& others) {
  samples.insert(samples.end(), others.samples.begin(), others.samples.end());
  grouped.insert(grouped.end(), others.grouped.begin(), others.grouped.end());
}

namespace {

std::vector<LayerLine> lines_or_defaults(const ModelConfig& model, const DataShape& data) {
  if (!model.metrics.empty()) return model.metrics;
  std::vector<LayerLine> lines(data.classes > 0 ? 1 : 2);
  lines[0].op = data.classes > 0 ? "accuracy" : "mse";
  if (data.classes == 0) lines[1].op = "r2";
  return lines;
}

bool same(const LayerLine& a, const LayerLine& b) { return a.op == b.op && a.options == b.options; }

std::vector<std::string> names_or_numbers(std::vector<std::string> names, int64_t classes) {
  for (int64_t c = static_cast<int64_t>(names.size()); c < classes; ++c)
    names.push_back(fmt::to_string(c));
  return names;
}

void require_width(int64_t width, const DataShape& data) {
  const bool one_logit = data.classes == 2 && width == 1;
  const int64_t expected = data.classes > 0 ? data.classes : data.target_width;
  if (width != expected && !one_logit)
    throw ShapeError(
        fmt::format("metrics: the model gives {} outputs for each sample, but the data has {} {}",
                    width, expected, data.classes > 0 ? "classes" : "values"),
        "set the units of the last dense layer");
}

// Total orders, so that sums over sorted samples do not depend on who came first.
bool before(const ScoredSample& a, const ScoredSample& b) {
  if (std::isnan(a.score) || std::isnan(b.score)) return std::isnan(a.score) > std::isnan(b.score);
  return std::tie(a.score, a.label, a.weight) < std::tie(b.score, b.label, b.weight);
}

bool ranked_before(const GroupedSample& a, const GroupedSample& b) {
  if (a.group != b.group) return a.group < b.group;
  if (std::isnan(a.score) != std::isnan(b.score)) return std::isnan(b.score);
  if (!std::isnan(a.score) && a.score != b.score) return a.score > b.score;
  return a.label < b.label;
}

}  // namespace

MetricSet::MetricSet(const ModelConfig& model, const DataShape& data,
                     std::vector<std::string> class_names)
    : impl_(std::make_unique<Impl>()) {
  impl_->data = data;
  impl_->class_names = names_or_numbers(std::move(class_names), data.classes);
  Problems problems;
  const std::vector<LayerLine> lines = lines_or_defaults(model, data);
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto before = lines.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::any_of(lines.begin(), before, [&](const LayerLine& l) { return same(l, lines[i]); })) {
      problems.add(lines[i], "this metric is there already", "remove one of the two lines");
      continue;
    }
    auto metric = read_metric(lines[i], data, impl_->class_names, problems);
    if (!metric) continue;
    if (lines[i].op == "confusion_matrix") impl_->confusion = impl_->metrics.size();
    if (metric->needs() == Metric::Needs::groups) {
      const int64_t feature = metric->group_feature();
      if (impl_->group_feature.value_or(feature) != feature)
        problems.add(lines[i], "another metric has other groups", "give both the same group=");
      impl_->group_feature = feature;
    }
    impl_->add(std::move(metric));
  }
  problems.throw_if_any();
}

MetricSet::~MetricSet() = default;

int64_t MetricSet::doubles() const { return impl_->doubles; }

void MetricSet::accumulate(int64_t n, int64_t width, const float* outputs, const int64_t* labels,
                           const float* targets, const float* weight, double* sums) const {
  require_width(width, impl_->data);
  const MetricBatch batch{n, width, outputs, labels, targets, weight};
  for (size_t i = 0; i < impl_->metrics.size(); ++i)
    impl_->metrics[i]->accumulate(batch, sums + impl_->offsets[i]);
}

bool MetricSet::gathers() const {
  return impl_->needs(Metric::Needs::scores) || impl_->group_feature;
}

void MetricSet::gather(int64_t n, int64_t width, const float* outputs, const int64_t* labels,
                       const float* weight, const int64_t* ids, Scores& scores) const {
  require_width(width, impl_->data);
  const bool samples = impl_->needs(Metric::Needs::scores);
  const int64_t ids_of_sample = impl_->data.id_features * impl_->data.id_values;
  const int64_t group = impl_->group_feature.value_or(0) * impl_->data.id_values;
  for (int64_t i = 0; i < n; ++i) {
    const float score = binary_logit(outputs + i * width, width);
    const auto label = static_cast<int32_t>(labels[i]);
    if (samples) scores.samples.push_back({score, weight ? weight[i] : 1.0f, label});
    if (impl_->group_feature)
      scores.grouped.push_back({ids[i * ids_of_sample + group], score, label});
  }
}

std::vector<MetricValue> MetricSet::finish(std::span<const double> totals, Scores scores) const {
  std::ranges::sort(scores.samples, before);
  std::ranges::sort(scores.grouped, ranked_before);
  std::vector<MetricValue> values;
  for (size_t i = 0; i < impl_->metrics.size(); ++i) {
    const Metric& metric = *impl_->metrics[i];
    switch (metric.needs()) {
      case Metric::Needs::sums:
        metric.finish(totals.data() + impl_->offsets[i], values);
        break;
      case Metric::Needs::scores:
        metric.finish_scores(scores.samples, values);
        break;
      case Metric::Needs::groups:
        metric.finish_groups(scores.grouped, values);
        break;
    }
  }
  return values;
}

bool MetricSet::has_confusion() const { return impl_->confusion.has_value(); }

std::vector<std::vector<int64_t>> MetricSet::confusion(std::span<const double> totals) const {
  if (!impl_->confusion) return {};
  const size_t i = *impl_->confusion;
  return confusion_rows(totals.subspan(static_cast<size_t>(impl_->offsets[i]),
                                       static_cast<size_t>(impl_->metrics[i]->doubles())));
}

const std::vector<std::string>& MetricSet::class_names() const { return impl_->class_names; }

bool MetricSet::larger_is_better(std::string_view name) {
  const size_t split = name.find('/');  // "validation/accuracy", but also "f1/CLASS"
  const std::string_view prefix = name.substr(0, split);
  if (split != std::string_view::npos &&
      (prefix == "train" || prefix == "validation" || prefix == "test"))
    name.remove_prefix(split + 1);
  for (const std::string_view better :
       {"accuracy", "top_", "precision", "recall", "f1", "r2", "auc", "hit_rate", "ndcg"})
    if (name.starts_with(better)) return true;
  return false;
}

}  // namespace trireme
