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
  int64_t doubles = 0;

  void add(std::unique_ptr<Metric> metric) {
    offsets.push_back(doubles);
    doubles += metric->doubles();
    metrics.push_back(std::move(metric));
  }
};

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

// A total order, so that sums over sorted samples do not depend on who came first.
bool before(const ScoredSample& a, const ScoredSample& b) {
  if (std::isnan(a.score) || std::isnan(b.score)) return std::isnan(a.score) > std::isnan(b.score);
  return std::tie(a.score, a.label, a.weight) < std::tie(b.score, b.label, b.weight);
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
  return std::ranges::any_of(impl_->metrics, [](const auto& m) { return m->needs_scores(); });
}

void MetricSet::gather(int64_t n, int64_t width, const float* outputs, const int64_t* labels,
                       const float* weight, std::vector<ScoredSample>& scores) const {
  require_width(width, impl_->data);
  for (int64_t i = 0; i < n; ++i)
    scores.push_back({binary_logit(outputs + i * width, width), weight ? weight[i] : 1.0f,
                      static_cast<int32_t>(labels[i])});
}

std::vector<MetricValue> MetricSet::finish(std::span<const double> totals,
                                           std::vector<ScoredSample> scores) const {
  std::ranges::sort(scores, before);
  std::vector<MetricValue> values;
  for (size_t i = 0; i < impl_->metrics.size(); ++i) {
    if (impl_->metrics[i]->needs_scores())
      impl_->metrics[i]->finish_scores(scores, values);
    else
      impl_->metrics[i]->finish(totals.data() + impl_->offsets[i], values);
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
       {"accuracy", "top_", "precision", "recall", "f1", "r2", "auc"})
    if (name.starts_with(better)) return true;
  return false;
}

}  // namespace trireme
