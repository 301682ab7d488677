#pragma once
// What a run has told so far: the records of metrics.jsonl, in memory, for the report.

#include <string>
#include <string_view>
#include <vector>

#include "worker/run_log.h"

namespace trireme {

struct StepPoint {
  StepRecord record;
  double samples_per_second = 0;  // since the point before, evaluations and checkpoints left out
  double exchange_wait_ms = 0;    // a step, since the point before
  double staleness = -1;          // on average, since the point before; below 0: none
  // Of a coded push, on average, since the point before; below 0: none.
  double codec_saved_bytes = -1, codec_error = -1;
};

struct TimedNote {
  int64_t step = 0;
  double elapsed = 0;  // seconds of training
  std::string time;    // UTC
  std::string text;
};

struct History {
  std::string started;  // UTC, the first start
  int64_t starts = 0;
  std::vector<StepPoint> steps;
  std::vector<EvaluationRecord> evaluations;  // only the newest keeps its confusion matrix
  std::vector<TimedNote> notes;

  void add(EvaluationRecord record);
  double elapsed() const;  // of the newest record
  // Of the newest step, plus the evaluation that came after it (which no step has told yet).
  PhaseSeconds phases() const;
};

// One line of metrics.jsonl each, without the line end. Values that are not finite become null.
std::string start_line(int64_t step, const std::string& time);
std::string step_line(const StepPoint& point);
// Leaves out the confusion matrix of more than kMaxConfusionClasses classes.
std::string evaluation_line(const EvaluationRecord& record);
std::string note_line(const TimedNote& note);
std::string finish_line(int64_t step, double elapsed, const RunSummary& summary);

inline constexpr size_t kMaxConfusionClasses = 100;

// Adds one line to `history` unless its step is past `last_step`. Returns whether it belongs; false
// also for a torn line. Kinds it does not know belong when their step does.
bool read_line(std::string_view line, int64_t last_step, History& history);

}  // namespace trireme
