#include "worker/evaluate.h"

#include <fmt/format.h>

#include <cstring>
#include <span>

#include "base/error.h"
#include "base/text.h"
#include "config/key_place.h"

namespace trireme {
namespace {

template <class Sample>
std::vector<Sample> of_all_ranks(Session& s, const std::vector<Sample>& mine) {
  const auto gathered =
      s.comm.all_gather(std::as_bytes(std::span(mine)),
                        {s.experiment.run.timeout, "the scores of an evaluation", -1});
  std::vector<Sample> all;
  for (const auto& bytes : gathered) {
    const size_t at = all.size();
    all.resize(at + bytes.size() / sizeof(Sample));
    if (!bytes.empty()) std::memcpy(all.data() + at, bytes.data(), bytes.size());
  }
  return all;
}

}  // namespace

Evaluation evaluate(Session& s) {
  const int64_t size = s.data.validation->size(), batch = s.evaluation_batch();
  const int64_t batches = (size + batch - 1) / batch;
  const auto plan = [=](int64_t step) {
    return StepPlan{step, 0, step * batch, std::min(batch, size - step * batch), false};
  };
  const auto loader = s.make_loader(false, 0, plan, batches, batch);
  double loss = 0, weight = 0;
  Scores scores;
  std::vector<double> totals(static_cast<size_t>(s.metrics->doubles()));
  for (int64_t b = 0; b < batches; ++b) {
    const StepResult& result = s.runner->evaluate(plan(b), *loader);
    loss += result.loss * result.weight;
    weight += result.weight;
    for (size_t i = 0; i < totals.size(); ++i) totals[i] += result.metrics[i];
    scores.append(result.scores);
  }
  if (s.metrics->gathers())
    scores = {of_all_ranks(s, scores.samples), of_all_ranks(s, scores.grouped)};
  Evaluation evaluation;
  evaluation.values.push_back({"loss", weight > 0 ? loss / weight : 0});
  for (MetricValue& v : s.metrics->finish(totals, std::move(scores)))
    evaluation.values.push_back(std::move(v));
  if (s.metrics->has_confusion()) evaluation.confusion = s.metrics->confusion(totals);
  return evaluation;
}

void check_monitor(const MetricSet& metrics, const Experiment& experiment) {
  Evaluation evaluation;
  evaluation.values = metrics.finish(std::vector<double>(static_cast<size_t>(metrics.doubles())));
  evaluation.values.insert(evaluation.values.begin(), {"loss", 0});
  try {
    evaluation.value(experiment.train.monitor);
  } catch (const ConfigError& e) {
    throw ConfigError(key_place(experiment, "train", "monitor") + ": " + e.what(), e.hint());
  }
}

double Evaluation::value(const std::string& monitor) const {
  const std::string name = monitor.starts_with("validation/") ? monitor.substr(11) : monitor;
  std::vector<std::string> names;
  for (const MetricValue& v : values) {
    if (v.name == name) return v.value;
    names.push_back("validation/" + v.name);
  }
  const auto near = nearest(monitor, names);
  throw ConfigError(fmt::format("there is no metric {}", monitor),
                    near ? fmt::format("did you mean {}?", *near)
                         : fmt::format("there are: {}", join(names, ", ")));
}

}  // namespace trireme
