#pragma once
// A run's records as TensorBoard scalars, under the names of metrics.jsonl.

#include "worker/run_log/event_file.h"
#include "worker/run_log/history.h"

namespace trireme {

class TensorBoard {
 public:
  TensorBoard(const Path& run, int64_t resumed_at) : file_(run) {
    if (resumed_at > 0) file_.start_from(resumed_at + 1);
  }
  void step(const StepPoint& point);
  void evaluation(const EvaluationRecord& record);
  void flush() { file_.flush(); }

 private:
  EventFile file_;
};

}  // namespace trireme
