#include "worker/train.h"

#include <fmt/format.h>
#include <cmath>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/folder_lock.h"
#include "base/log.h"
#include "base/text.h"
#include "checkpoint/set_aside.h"
#include "comm/subgroup.h"
#include "worker/agreement.h"
#include "worker/checkpointer.h"
#include "worker/compare_weights.h"
#include "worker/describe_start.h"
#include "worker/evaluate.h"
#include "worker/exchange/coding_report.h"
#include "worker/exchange/staleness.h"
#include "worker/exchange/tell_pushes.h"
#include "worker/fail_on_purpose.h"
#include "worker/final_export.h"
#include "worker/not_finite.h"
#include "worker/open_device.h"
#include "worker/place.h"
#include "worker/run_log.h"
#include "worker/servers/server_rank.h"
#include "worker/session.h"
#include "worker/tables/life_of.h"
#include "worker/tables/table_metrics.h"
#include "worker/version.h"

namespace trireme {
namespace {

constexpr double kSecondsToEnd = 3;  // of a process that is being ended and still writes the run

class TrainingRun {
 public:
  TrainingRun(Session& session, const Path& dir, const TrainOptions& options)
      : s_(session), dir_(dir), options_(options), started_(Clock::now()) {
    if (s_.checkpoint) {
      state_ = s_.checkpoint->manifest().state;
      saved_at_ = state_.step;
      finished_ = state_.step;
      recorded_samples_ = state_.samples;
    }
    elapsed_before_ = state_.elapsed_seconds;
    best_ = state_.best_step >= 0 ? state_.best_metric : NAN;
    if (s_.first()) {
      lock_.emplace(dir, kSecondsToEnd);
      if (s_.checkpoint)  // not the newest, perhaps
        set_aside_newer(dir / "checkpoints", state_.step, state_.best_step);
      log_ = std::make_unique<RunLog>(dir, s_.experiment, s_.steps->total(), state_.step);
      checkpointer_ =
          std::make_unique<Checkpointer>(dir / "checkpoints", s_.experiment.checkpoint.keep,
                                         shard_bytes(s_.experiment.checkpoint));
      s_.may_write_into(checkpointer_->folder());
    }
  }

  ExitCode run() {
    const int64_t total = s_.steps->total();
    const auto loader = s_.make_loader(
        true, state_.step, [this](int64_t step) { return s_.steps->at(step); }, total,
        s_.steps->full_batch());
    bool stop = false;
    while (state_.step < total && !stop) {
      step(*loader);
      if (checkpointer_) checkpointer_->look();
      if (pauses()) take_results(true);
      const Requests asked = std::exchange(asked_, {});
      stop = asked.stop;
      if (asked.requeue) return leave_for_requeue();
      if (due(s_.experiment.exchange.hash_every)) compare_weights(s_, state_.step);
      if (due(evaluation_interval()) && !stop) stop = evaluate_now() || stop;
      if (asked.save || save_due()) save(false);
    }
    take_results(true);
    return finish();
  }

 private:
  bool due(int64_t interval) const { return interval > 0 && state_.step % interval == 0; }
  int64_t evaluation_interval() const { return s_.steps->interval(s_.experiment.train.eval_every); }
  // Whether something looks at the state that this step leaves.
  bool pauses() const {
    return asked_.save || asked_.stop || asked_.requeue || save_due() ||
           due(s_.experiment.exchange.hash_every) || due(evaluation_interval());
  }
  bool save_due() const {
    const CheckpointConfig& c = s_.experiment.checkpoint;
    return due(c.every_steps) || due(s_.steps->interval(c.every_epochs));
  }
  double elapsed() const { return elapsed_before_ + seconds_since(started_); }
  void note_tables() {
    if (!lives_) return;
    for (const std::string& words : tables_in_words(*s_.tables)) log_->note(words);
  }

  // Of all workers, where they push to servers.
  void note_pushes() {
    if (s_.experiment.exchange.name != "parameter_server") return;
    const Wait wait{s_.experiment.run.timeout, "what the workers pushed", state_.step};
    staleness_.gather(s_.comm, wait);
    coding_.gather(s_.comm, wait);
    if (log_ && !staleness_.empty()) log_->note(staleness_.in_words());
    if (log_ && !coding_.empty()) log_->note(coding_.in_words());
  }

  Requests requests() {
    Requests r;
    const double minutes = s_.experiment.checkpoint.every_minutes;
    r.requeue = options_.signal && options_.signal->load(std::memory_order_relaxed) != 0;
    r.save = s_.first() && minutes > 0 && seconds_since(last_save_) >= 60 * minutes;
    r.stop =
        s_.first() && s_.experiment.train.max_time > 0 && elapsed() >= s_.experiment.train.max_time;
    return r;
  }

  void step(Loader& loader) {
    stall_on_purpose(s_.experiment, s_.rank(), state_.step);
    fail_on_purpose(s_.experiment.debug, s_.rank(), state_.step);
    // Steps under way count as applied: none is when that would matter (StepRunner::finished).
    const int64_t updates = state_.updates + state_.step - finished_;
    UpdateSettings settings;
    settings.scalars.lr = static_cast<float>(s_.schedule->lr(updates));
    settings.scalars.clip_value = static_cast<float>(s_.experiment.train.clip_value);
    settings.scalars.ema_decay = static_cast<float>(s_.experiment.train.ema);
    settings.scalars.step = updates + 1;
    settings.clip_norm = s_.experiment.train.clip_norm;
    settings.requests = requests();
    settings.poison = s_.first() && s_.experiment.debug.nan_step == state_.step;
    const StepPlan plan = s_.steps->at(state_.step);
    const bool last = state_.step + 1 == s_.steps->total();
    const StepPlan next = last ? StepPlan{} : s_.steps->at(state_.step + 1);
    settings.next = last ? nullptr : &next;
    s_.runner->train(plan, loader, settings);
    state_.step += 1;
    state_.samples += plan.samples;
    take_results(false);
  }

  // Of steps that have finished; wait: of all that were started.
  void take_results(bool wait) {
    while (const StepResult* result = s_.runner->finished(wait)) {
      if (result->verdict.too_large)
        too_large(*result);
      else if (!result->verdict.finite)
        not_finite(*result);
      // An update that scaling leaves out counts: the next step's learning rate was chosen before
      // that was known. The device takes it off the number that corrects biases.
      state_.updates += result->verdict.applied || result->verdict.too_large;
      ++finished_;
      const Requests& asked = result->verdict.requests;
      asked_ = {asked_.save || asked.save, asked_.stop || asked.stop,
                asked_.requeue || asked.requeue};
      record(*result);
    }
  }

  void record(const StepResult& r) {
    phases_.data += r.data_seconds;
    phases_.compute += r.compute_seconds;
    phases_.exchange += r.exchange_seconds;
    phases_.optimizer += r.optimizer_seconds;
    phases_.exchange_wait += r.wait_seconds;
    phases_.exchange_hidden += r.hidden_seconds;
    phases_.checkpoint += r.checkpoint_seconds;
    staleness_.add(r.staleness);
    coding_.add(r.coding);
    if (!log_) return;
    StepRecord step;
    step.step = r.plan.step + 1;
    step.epoch = s_.steps->epoch_of(step.step);
    step.samples = recorded_samples_ += r.plan.samples;
    step.loss = r.loss;
    for (const MetricValue& m : s_.training_metrics->finish(r.metrics))
      if (m.name == "accuracy") step.accuracy = m.value;
    step.learning_rate = r.learning_rate;
    step.grad_norm = r.verdict.grad_norm;
    step.loss_scale = r.verdict.loss_scale;
    step.elapsed = elapsed();
    step.phases = phases_;
    if (r.reports) tell(*r.reports, step);
    if (lives_ && log_->due(step.step)) step.tables = table_metrics(*s_.tables);
    log_->step(step);
  }

  void too_large(const StepResult& result) {
    if (log_)
      log_->note(
          fmt::format("step {}: the gradient does not fit {} at a loss scale of {}; the "
                      "update was left out and the scale halved",
                      result.plan.step, s_.experiment.train.precision, result.verdict.loss_scale));
  }

  // Never applied.
  void not_finite(const StepResult& result) {
    const std::string what = not_finite_in_words(s_, result);
    const char* hint =
        "lower optimizer.lr, set train.clip_norm, look at these samples, or set "
        "train.non_finite = skip";
    if (s_.experiment.train.non_finite != "skip") {
      if (s_.in_step()) throw AgreedError(ExitCode::failure, what, hint);
      throw Error(ExitCode::failure, what, hint);  // this worker's alone
    }
    if (log_) log_->note(fmt::format("skipped: {}", what));
  }

  // Returns true when training should stop early.
  bool evaluate_now() {
    if (!s_.data.validation) return false;
    const auto start = Clock::now();
    const Evaluation e = evaluate(s_);
    phases_.evaluation += seconds_since(start);
    evaluated_at_ = state_.step;
    const std::string& monitor = s_.experiment.train.monitor;
    const double value = e.value(monitor);
    const bool larger = MetricSet::larger_is_better(monitor.substr(monitor.rfind('/') + 1));
    const bool better = std::isnan(best_) || (larger ? value > best_ : value < best_);
    state_.evaluations_without_improvement =
        better ? 0 : state_.evaluations_without_improvement + 1;
    if (better) {
      best_ = state_.best_metric = value;
      state_.best_step = state_.step;
    }
    if (log_)
      log_->evaluation({state_.step, s_.steps->epoch_of(state_.step), elapsed(), e.values,
                        e.confusion, s_.metrics->class_names()});
    if (better && s_.experiment.checkpoint.keep_best) save(true);
    const int64_t patience = s_.experiment.train.early_stopping;
    if (patience == 0 || state_.evaluations_without_improvement < patience) return false;
    status_ = "stopped early";
    if (log_)
      log_->note(fmt::format("stopped early: {} evaluations without improvement of {}", patience,
                             monitor));
    return true;
  }

  void save(bool best) {
    const bool saved = saved_at_ == state_.step;
    if (saved && !best) return;
    const auto start = Clock::now();
    Snapshot snapshot;
    if (!saved) snapshot = s_.snapshot(s_.first() ? checkpointer_->begin(state_.step) : Path());
    if (s_.first() && saved) {
      checkpointer_->finish();
      const Path folder = dir_ / "checkpoints";
      mark_best(folder, list_checkpoints(folder).back());
    } else if (s_.first()) {
      RunState state = state_;
      const StepPlan next = s_.steps->at(state.step);
      state.epoch = next.epoch;
      state.position = next.begin;
      state.seed = s_.experiment.run.seed;
      state.elapsed_seconds = elapsed();
      state.config = s_.experiment.to_ini(false);
      state.preprocessing = s_.preprocessing().to_json();
      state.params_hash = s_.graph->params().hash().hex();
      state.graph_hash = s_.graph->hash().hex();
      state.data_fingerprint = s_.data_fingerprint;
      state.cpu_level = s_.cpu_level;
      state.onednn_version = build_facts()["oneDNN"];
      state.virtual_shards = s_.topology.shards;
      state.reproducible = s_.experiment.run.reproducible;
      state.generation = s_.generation();
      checkpointer_->save(std::move(snapshot), std::move(state), best);
    }
    phases_.checkpoint += seconds_since(start);
    saved_at_ = state_.step;
    last_save_ = Clock::now();
  }

  ExitCode leave_for_requeue() {
    save(false);
    if (checkpointer_) checkpointer_->finish();
    if (log_) {
      note_tables();
      log_->note(fmt::format("saved at step {} on a signal; continue with --resume {}", state_.step,
                             dir_.string()));
      log_->finish(summary("saved on signal", {}));
    }
    s_.comm.barrier({s_.experiment.run.timeout, "the save on a signal", state_.step});
    s_.leave_servers(ExitCode::requeue);
    return ExitCode::requeue;
  }

  RunSummary summary(const std::string& status, const ExportOutcome& exported) const {
    return {status,
            s_.world.size(),
            s_.topology.members,
            s_.steps->total(),
            s_.ranks_in_words(),
            exported.folder,
            exported.parity};
  }

  ExitCode finish() {
    if (s_.data.validation && evaluated_at_ != state_.step) evaluate_now();
    save(false);
    if (checkpointer_) checkpointer_->finish();
    if (s_.experiment.export_.best)  // the last rank reads what the first wrote
      s_.comm.barrier({s_.experiment.run.timeout, "the last checkpoint", state_.step});
    std::optional<ExportParcel> parcel = gather_export(s_, dir_);
    if (log_) note_tables();
    note_pushes();
    s_.leave_servers(ExitCode::done);
    const ExportOutcome exported = export_at_end(s_, std::move(parcel));
    if (log_) {
      log_->finish(summary(status_, exported));
      if (!exported.folder.empty())
        log_info("exported to {}: {}", exported.folder, exported.parity);
      log_info("report: {}", (dir_ / "report.html").string());
    }
    s_.comm.barrier({s_.experiment.run.timeout, "the end of the run", state_.step});
    return ExitCode::done;
  }

  Session& s_;
  const Path dir_;
  const TrainOptions& options_;
  const Clock::time_point started_;
  Clock::time_point last_save_ = Clock::now();
  RunState state_;
  double elapsed_before_ = 0, best_ = NAN;
  int64_t evaluated_at_ = -1, saved_at_ = -1;
  int64_t finished_ = 0;  // steps whose results are in; the others of state_.step are under way
  int64_t recorded_samples_ = 0;  // of those
  Requests asked_;                // by results, not yet answered
  std::string status_ = "finished";
  PhaseSeconds phases_;
  Staleness staleness_;
  CodingReport coding_{s_.experiment.exchange.codec};
  const bool lives_ = s_.tables && life_of(s_.experiment.tables).any();  // rows come and go
  std::optional<FolderLock> lock_;  // of the first rank, on the run directory
  std::unique_ptr<RunLog> log_;
  std::unique_ptr<Checkpointer> checkpointer_;
};

}  // namespace

ExitCode train(Communicator& world, const Experiment& given, const TrainOptions& options) {
  Experiment experiment = given;
  const Roles roles = start_roles(world, experiment);
  if (roles.is_server()) return run_server(world, experiment, roles);
  std::unique_ptr<Subgroup> group;
  if (roles.servers > 0)
    group = std::make_unique<Subgroup>(world, roles.worker_ranks(), experiment.run.timeout);
  Communicator& comm = group ? static_cast<Communicator&>(*group) : world;

  OpenedDevice opened;
  Place place;
  std::unique_ptr<Session> session;
  share_with_servers(world, roles, experiment.run.timeout, [&] {
    const auto since = Clock::now();
    opened = open_device(comm, experiment);
    const double opening = seconds_since(since);
    place = choose_place(comm, experiment, options.resume);
    session = std::make_unique<Session>(comm, experiment, place.checkpoint,
                                        std::move(opened.device), group.get(), roles);
    session->took.device = opening;
    if (roles.servers == 0) session->start();
    if (place.dir.empty()) place.dir = new_run_directory(comm, experiment.run);
  });
  if (roles.servers > 0)
    broadcast_text(world, world.rank() == 0 ? to_text(session->server_setup(place.dir)) : "", 0,
                   {experiment.run.timeout, "the servers' set-up", -1});
  init_log({world.rank(), world.size(),
            (place.dir / fmt::format("rank-{}.log", world.rank())).string(), false});
  try {
    if (roles.servers > 0) session->start();
    if (world.rank() == 0) {
      write_atomic(place.dir / "experiment.ini", experiment.to_ini(true));
      std::vector<std::string> hosts;
      for (const Member& m : world.members()) hosts.push_back(m.host);
      auto facts = build_facts();
      facts["data"] = session->data_fingerprint;
      write_environment(place.dir, options.command_line, hosts, facts);
      describe_start(*session, place, opened.why);
    }
    const ExitCode code = TrainingRun(*session, place.dir, options).run();
    session->close();
    return code;
  } catch (const AgreedError& e) {
    session->leave_servers(e.code());
    throw;
  } catch (const std::exception& e) {
    if (session->state) session->state->fail(e.what());
    throw;
  }
}

}  // namespace trireme
