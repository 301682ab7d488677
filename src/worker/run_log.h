#pragma once
// What a run tells the world, on rank 0: metrics.jsonl, TensorBoard events, the progress line or
// bar, and report.html at the end (and after every evaluation, so that a killed run has one too).

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "config/experiment.h"
#include "model/metrics.h"

namespace trireme {

struct PhaseSeconds {  // where lane 0 of rank 0 spent its time
  double data = 0, compute = 0, exchange = 0, optimizer = 0, evaluation = 0, checkpoint = 0;
  double exchange_wait = 0;    // of those of the exchange: until other lanes and ranks had come
  double exchange_hidden = 0;  // of those computing: gradients travelled between hosts meanwhile
};

struct StepRecord {
  int64_t step = 0;  // steps done
  double epoch = 0;  // passes over the data, fractional
  int64_t samples = 0;
  double loss = 0, accuracy = -1;  // of this step's batch; accuracy -1: none
  double learning_rate = 0, grad_norm = 0;
  double loss_scale = 0;  // 0: none
  double elapsed = 0;     // seconds of training so far, earlier parts of a resumed run included
  PhaseSeconds phases;    // cumulative
  // Of all workers. Bounded and async: steps that the slowest was behind, summed over all times so
  // far that weights were taken, and at most. below 0: workers go in step.
  double staleness_sum = -1, staleness_max = -1;
  int64_t staleness_times = 0;
  // Summed over all coded pushes so far: bytes saved, and the relative norm of what was left out.
  int64_t coded_pushes = 0;
  double codec_saved_bytes = 0, codec_error = 0;
  std::vector<MetricValue> tables;  // "table/NAME/rows", ...; empty where nobody asked for them
};

struct EvaluationRecord {
  int64_t step = 0;
  double epoch = 0, elapsed = 0;
  std::vector<MetricValue> values;              // "loss", "accuracy", ...
  std::vector<std::vector<int64_t>> confusion;  // empty: none
  std::vector<std::string> classes;
};

struct RunSummary {
  std::string status;  // "finished", "stopped early", "saved on signal", "failed: ..."
  int ranks = 1, lanes = 1;
  int64_t steps_total = 0;
  std::string topology, export_path, parity;
};

class RunLog {
 public:
  // total_steps: for the bar and the remaining time. resumed_at > 0: earlier records up to that
  // step stay, later ones (of a killed run) are dropped from metrics.jsonl; TensorBoard always
  // starts a new file.
  RunLog(const Path& dir, const Experiment& experiment, int64_t total_steps, int64_t resumed_at);
  ~RunLog();
  // Called every step; writes at most once per interval (metrics: every `record_every` steps,
  // chosen so that a run has at most some thousand records; the terminal: 10 times a second on a
  // terminal, else every run.log_interval seconds).
  void step(const StepRecord& record);
  // Whether step() would write a record now: what costs to find out need be found out only then.
  bool due(int64_t step) const;
  void evaluation(const EvaluationRecord& record);
  void note(const std::string& text);  // a line that stays: checkpoint saved, learning rate dropped
  void finish(const RunSummary& summary);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// runs/NAME-20261122-101530[-2], created; never an existing one.
Path create_run_directory(const std::string& parent, const std::string& name);
// The newest run directory of `name` that has a whole checkpoint; empty: none.
Path find_latest_run(const std::string& parent, const std::string& name);
// environment.json: versions, build, hosts, command line, environment variables (secrets by name
// removed).
void write_environment(const Path& dir, const std::vector<std::string>& command_line,
                       const std::vector<std::string>& hosts,
                       const std::map<std::string, std::string>& facts);

}  // namespace trireme
