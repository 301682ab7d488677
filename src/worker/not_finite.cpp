#include "worker/not_finite.h"

#include <fmt/format.h>

namespace trireme {

std::string not_finite_in_words(const Session& session, const StepResult& result) {
  const StepPlan& plan = result.plan;
  std::string ids;
  for (int64_t i = 0; i < plan.samples; ++i) {
    const SampleKey key =
        session.train_order->at(plan.epoch, static_cast<uint64_t>(plan.begin + i));
    ids += fmt::format("{}{}", i ? "," : "", session.data.train->place(key.id));
  }
  return fmt::format(
      "step {}: the loss ({}) or the gradient (norm {}) is not finite; the update was not "
      "applied. Samples of the batch, counted over data.train from 0: {}",
      plan.step, result.loss, result.verdict.grad_norm, ids);
}

}  // namespace trireme
