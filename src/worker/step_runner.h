#pragma once
// Runs steps on this rank's part of the batch: lanes of a CPU, or a device.

#include <optional>
#include <vector>

#include "data/loader.h"
#include "model/metrics.h"
#include "worker/exchange/exchange.h"

namespace trireme {

struct StepResult {
  StepPlan plan;
  Verdict verdict;
  double loss = 0;  // mean over the batch, all losses with their weights
  double weight = 0;
  float learning_rate = 0;
  std::vector<double> metrics;  // totals of the MetricSet
  Scores scores;                // evaluation: this rank's, where the metrics need them
  // Of the step thread.
  double data_seconds = 0, compute_seconds = 0, exchange_seconds = 0, optimizer_seconds = 0,
         checkpoint_seconds = 0;
  double wait_seconds = 0;                // of the exchange's: until the others had come
  double hidden_seconds = 0;              // gradients travelled while lanes computed
  double staleness = -1;                  // Exchange::staleness()
  std::optional<Coding> coding;           // Exchange::coding()
  std::optional<ps::PushReport> reports;  // Exchange::reports()
};

struct UpdateSettings {
  OptimizerScalars scalars;
  double clip_norm = 0;
  Requests requests;
  bool poison = false;             // debug: makes one gradient element not finite
  const StepPlan* next = nullptr;  // the step that follows; null: none, or not known
};

class StepRunner {
 public:
  virtual ~StepRunner() = default;
  // Starts one training step on the batch that `loader` has for it. Its result comes from
  // finished(): at once, or on a device, where the next step is under way by then, later.
  virtual void train(const StepPlan& plan, Loader& loader, const UpdateSettings& settings) = 0;
  // The next step's result, in the order of steps; null: none is there. wait: waits for every step
  // that was started, and all ranks agree on the state. Valid until the next call. The order in
  // which results become due is the same on every rank.
  virtual const StepResult* finished(bool wait) = 0;
  // One batch of an evaluation, after every step has finished; the totals over the whole batch.
  virtual const StepResult& evaluate(const StepPlan& plan, Loader& loader) = 0;
};

}  // namespace trireme
