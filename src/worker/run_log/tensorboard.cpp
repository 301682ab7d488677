#include "worker/run_log/tensorboard.h"

#include <cmath>

namespace trireme {

void TensorBoard::step(const StepPoint& point) {
  const StepRecord& r = point.record;
  std::vector<Scalar> values = {{"train/loss", r.loss},
                                {"train/learning_rate", r.learning_rate},
                                {"train/grad_norm", r.grad_norm},
                                {"exchange/wait_ms", point.exchange_wait_ms},
                                {"time/data", r.phases.data},
                                {"time/compute", r.phases.compute},
                                {"time/exchange", r.phases.exchange},
                                {"time/optimizer", r.phases.optimizer},
                                {"time/evaluation", r.phases.evaluation},
                                {"time/checkpoint", r.phases.checkpoint}};
  if (r.phases.exchange_hidden > 0)
    values.push_back({"time/exchange_hidden", r.phases.exchange_hidden});
  if (point.codec_error >= 0) {
    values.push_back({"exchange/codec_saved_bytes", point.codec_saved_bytes});
    values.push_back({"exchange/codec_error", point.codec_error});
  }
  if (point.staleness >= 0) values.push_back({"exchange/staleness", point.staleness});
  for (const MetricValue& m : r.tables) values.push_back({m.name, m.value});
  if (r.loss_scale > 0) values.push_back({"train/loss_scale", r.loss_scale});
  if (r.accuracy >= 0) values.push_back({"train/accuracy", r.accuracy});
  if (std::isfinite(point.samples_per_second))
    values.push_back({"train/samples_per_second", point.samples_per_second});
  file_.scalars(r.step, values);
}

void TensorBoard::evaluation(const EvaluationRecord& record) {
  std::vector<Scalar> values;
  for (const MetricValue& m : record.values) values.push_back({"validation/" + m.name, m.value});
  file_.scalars(record.step, values);
}

}  // namespace trireme
