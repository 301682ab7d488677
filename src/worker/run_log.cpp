#include "worker/run_log.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <optional>

#include "base/clock.h"
#include "worker/report/report.h"
#include "worker/run_log/metrics_file.h"
#include "worker/run_log/progress.h"
#include "worker/run_log/tensorboard.h"

namespace trireme {

namespace {

constexpr int64_t kMaxRecords = 4000;     // of a run whose length is known
constexpr double kMaxRecordSeconds = 10;  // between records, however long the run
constexpr double kFlushSeconds = 1;
constexpr double kReportSeconds = 1;  // between reports of a run that evaluates all the time

PhaseSeconds sum(const PhaseSeconds& a, const PhaseSeconds& b) {
  return {a.data + b.data,
          a.compute + b.compute,
          a.exchange + b.exchange,
          a.optimizer + b.optimizer,
          a.evaluation + b.evaluation,
          a.checkpoint + b.checkpoint,
          a.exchange_wait + b.exchange_wait,
          a.exchange_hidden + b.exchange_hidden};
}

// Of training itself: what evaluations and checkpoints took is left out.
double training_seconds(const StepRecord& r) {
  return r.elapsed - r.phases.evaluation - r.phases.checkpoint;
}

}  // namespace

struct RunLog::Impl {
  Impl(const Path& run, const Experiment& e, int64_t total_steps, int64_t resumed_at)
      : dir(run),
        experiment(e),
        total(total_steps),
        record_every(std::max<int64_t>(1, (total_steps + kMaxRecords - 1) / kMaxRecords)),
        metrics(open_metrics(run, resumed_at, history)),
        events(run, resumed_at),
        progress(progress_options(e.run, total_steps, resumed_at), terminal_output(),
                 Clock::now()) {
    earlier = history.phases();
    last.step = recorded.step = resumed_at;
    last.elapsed = history.elapsed();
    last.phases = earlier;
    recorded.samples = resumed_at > 0 ? -1 : 0;
    const std::string now = utc_now();
    if (history.starts++ == 0) history.started = now;
    metrics->append(start_line(resumed_at, now) + "\n");
    flush(Clock::now());
  }

  void record() {
    const double seconds = training_seconds(last) - training_seconds(recorded);
    const double samples = static_cast<double>(last.samples - recorded.samples);
    const double waited = last.phases.exchange_wait - recorded.phases.exchange_wait;
    const double steps = static_cast<double>(last.step - recorded.step);
    StepPoint point{last, seconds > 0 ? samples / seconds : NAN, 1000 * waited / steps};
    const auto mean = [](double sum, int64_t times) {
      return times > 0 ? sum / static_cast<double>(times) : -1;
    };
    const int64_t taken = last.staleness_times - recorded.staleness_times;
    point.staleness = mean(last.staleness_sum - std::max(0.0, recorded.staleness_sum), taken);
    if (taken == 0 && last.staleness_sum >= 0 &&
        !history.steps.empty())  // the weights are still those
      point.staleness = history.steps.back().staleness;
    const int64_t pushes = last.coded_pushes - recorded.coded_pushes;
    point.codec_saved_bytes = mean(last.codec_saved_bytes - recorded.codec_saved_bytes, pushes);
    point.codec_error = mean(last.codec_error - recorded.codec_error, pushes);
    history.steps.push_back(point);
    recorded = last;
    recorded_at = Clock::now();
    metrics->append(step_line(history.steps.back()) + "\n");
    events.step(history.steps.back());
  }

  void record_the_rest() {
    if (last.step > recorded.step) record();
  }

  void flush(Clock::time_point now) {
    metrics->flush();
    events.flush();
    flushed_at = now;
  }

  void write_report(const RunSummary& summary) {
    write_atomic(dir / "report.html", report_html(experiment, history, summary));
    reported_at = Clock::now();
  }

  // What is known of the run before it ends.
  RunSummary summary_so_far(const std::string& status) const {
    RunSummary summary;
    summary.status = status;
    summary.steps_total = total;
    return summary;
  }

  const Path dir;
  const Experiment experiment;
  const int64_t total, record_every;
  History history;
  std::unique_ptr<AppendFile> metrics;
  TensorBoard events;
  Progress progress;
  PhaseSeconds earlier;       // of the parts of a resumed run before this one
  StepRecord last, recorded;  // the newest, and the newest that was written
  Clock::time_point recorded_at = Clock::now(), flushed_at = Clock::now();
  std::optional<Clock::time_point> reported_at;
  bool finished = false;
};

RunLog::RunLog(const Path& dir, const Experiment& experiment, int64_t total_steps,
               int64_t resumed_at)
    : impl_(std::make_unique<Impl>(dir, experiment, total_steps, resumed_at)) {}

RunLog::~RunLog() {
  if (impl_->finished) return;
  try {  // the run ends by an error: what is known so far is still worth a report
    impl_->progress.clear();
    impl_->record_the_rest();
    impl_->flush(Clock::now());
    impl_->write_report(impl_->summary_so_far("failed"));
  } catch (const std::exception&) {
    return;  // the error under way is the one to report
  }
}

bool RunLog::due(int64_t step) const {
  return step % impl_->record_every == 0 || step == impl_->total ||
         seconds_since(impl_->recorded_at) >= kMaxRecordSeconds;
}

void RunLog::step(const StepRecord& record) {
  Impl& i = *impl_;
  const auto now = Clock::now();
  i.last = record;
  i.last.phases = sum(i.earlier, record.phases);
  // A resumed run does not know the samples of its checkpoint: its first step is where rates start.
  if (i.recorded.samples < 0) {
    i.recorded = i.last;
    i.recorded.step = record.step - 1;
  }
  if (due(record.step)) i.record();
  i.progress.step(i.last, now);
  if (now - i.flushed_at >= std::chrono::duration<double>(kFlushSeconds)) i.flush(now);
}

void RunLog::evaluation(const EvaluationRecord& record) {
  Impl& i = *impl_;
  i.record_the_rest();
  i.history.add(record);
  i.metrics->append(evaluation_line(record) + "\n");
  i.events.evaluation(record);
  i.progress.lasting(evaluation_text(record));
  i.flush(Clock::now());
  if (!i.reported_at || seconds_since(*i.reported_at) >= kReportSeconds)
    i.write_report(i.summary_so_far("running"));
}

void RunLog::note(const std::string& text) {
  Impl& i = *impl_;
  i.history.notes.push_back({i.last.step, i.last.elapsed, utc_now(), text});
  i.metrics->append(note_line(i.history.notes.back()) + "\n");
  i.progress.lasting(text);
  i.flush(Clock::now());
}

void RunLog::finish(const RunSummary& summary) {
  Impl& i = *impl_;
  i.record_the_rest();
  i.metrics->append(finish_line(i.last.step, i.history.elapsed(), summary) + "\n");
  i.progress.clear();
  i.flush(Clock::now());
  i.write_report(summary);
  i.finished = true;
}

}  // namespace trireme
