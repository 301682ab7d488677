#pragma once
// What came back from a step on a device, as the training loop wants it: loss and metrics of the
// whole batch, and what any rank asked for.

#include <vector>

#include "comm/communicator.h"
#include "model/graph.h"
#include "model/metrics.h"
#include "worker/device/step_slot.h"
#include "worker/step_runner.h"

namespace trireme {

class StepResults {
 public:
  // labels: targets are class labels. timeout: seconds for the other ranks.
  StepResults(Communicator& comm, const Graph& graph, bool labels, double timeout);
  // From the slot's sums (all ranks' already) and outputs (this rank's, whose metrics are added up
  // here) into `result`; returns the requests of any rank, `mine` included. Every rank calls.
  Requests read(const StepSlot& slot, const MetricSet& metrics, const Requests& mine,
                StepResult& result) const;

 private:
  void read_metrics(const StepSlot& slot, const MetricSet& metrics, StepResult& result) const;
  Requests meet(const StepPlan& plan, const Requests& mine, std::vector<double>& metrics) const;

  Communicator& comm_;
  const bool labels_;
  const double timeout_;
  const int64_t width_;  // of the model's output
  const std::vector<float> loss_weights_;
};

}  // namespace trireme
