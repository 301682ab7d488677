#include "worker/device/step_results.h"

#include <algorithm>
#include <cstring>

#include "worker/mean_loss.h"

namespace trireme {

StepResults::StepResults(Communicator& comm, const Graph& graph, bool labels, double timeout)
    : comm_(comm),
      labels_(labels),
      timeout_(timeout),
      width_(graph.node(graph.output()).shape.elements()),
      loss_weights_(loss_weights(graph)) {}

Requests StepResults::read(const StepSlot& slot, const MetricSet& metrics, const Requests& mine,
                           StepResult& result) const {
  const auto* sums = reinterpret_cast<const double*>(slot.sums.data());
  result.weight = sums[1];
  result.loss = mean_loss(loss_weights_, sums);
  read_metrics(slot, metrics, result);
  return comm_.size() > 1 ? meet(slot.plan, mine, result.metrics) : mine;
}

void StepResults::read_metrics(const StepSlot& slot, const MetricSet& metrics,
                               StepResult& result) const {
  result.metrics.assign(static_cast<size_t>(metrics.doubles()), 0.0);
  result.scores.clear();
  const LeafBatch* batch = slot.batch;
  if (!batch) return;
  const std::byte* targets = batch->at(BatchField::target);
  const auto* labels = labels_ ? reinterpret_cast<const int64_t*>(targets) : nullptr;
  const auto* weight = reinterpret_cast<const float*>(batch->at(BatchField::weight));
  metrics.accumulate(batch->samples, width_, slot.output.floats(), labels,
                     labels_ ? nullptr : reinterpret_cast<const float*>(targets), weight,
                     result.metrics.data());
  if (metrics.gathers())
    metrics.gather(batch->samples, width_, slot.output.floats(), labels, weight,
                   reinterpret_cast<const int64_t*>(batch->at(BatchField::ids)), result.scores);
}

Requests StepResults::meet(const StepPlan& plan, const Requests& mine,
                           std::vector<double>& metrics) const {
  const size_t n = metrics.size();
  std::vector<double> words = metrics;
  for (const bool asked : {mine.save, mine.stop, mine.requeue}) words.push_back(asked ? 1 : 0);
  const auto all = comm_.all_gather(std::as_bytes(std::span(words)),
                                    {timeout_, "the metrics of a step", plan.step});
  std::vector<double> theirs(words.size());
  std::fill(words.begin(), words.end(), 0.0);
  for (const auto& bytes : all) {
    std::memcpy(theirs.data(), bytes.data(), std::min(bytes.size(), words.size() * sizeof(double)));
    for (size_t i = 0; i < words.size(); ++i) words[i] += theirs[i];
  }
  std::copy_n(words.begin(), n, metrics.begin());
  return {words[n] > 0, words[n + 1] > 0, words[n + 2] > 0};
}

}  // namespace trireme
