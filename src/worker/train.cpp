#include "worker/train.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cmath>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "worker/agreement.h"
#include "worker/checkpointer.h"
#include "worker/evaluate.h"
#include "worker/final_export.h"
#include "worker/open_device.h"
#include "worker/run_log.h"
#include "worker/session.h"
#include "worker/version.h"

namespace trireme {
namespace {

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
      log_ = std::make_unique<RunLog>(dir, s_.experiment, s_.steps->total(), state_.step);
      checkpointer_ = std::make_unique<Checkpointer>(
          dir / "checkpoints", s_.experiment.checkpoint.keep,
          static_cast<size_t>(s_.experiment.checkpoint.max_shard_mib * (1 << 20)));
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
      if (pauses()) take_results(true);
      const Requests asked = std::exchange(asked_, {});
      stop = asked.stop;
      if (asked.requeue) return leave_for_requeue();
      if (due(s_.experiment.exchange.hash_every)) compare_weights();
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

  Requests requests() {
    Requests r;
    const double minutes = s_.experiment.checkpoint.every_minutes;
    r.requeue = options_.signal && options_.signal->load(std::memory_order_relaxed) != 0;
    r.save = s_.first() && minutes > 0 && seconds_since(last_save_) >= 60 * minutes;
    r.stop =
        s_.first() && s_.experiment.train.max_time > 0 && elapsed() >= s_.experiment.train.max_time;
    return r;
  }

  // Silent corruption shows as weights that differ between hosts: the first rank of each hashes its
  // copy.
  void compare_weights() {
    const auto weights = std::as_bytes(
        std::span(s_.state->params(), static_cast<size_t>(s_.graph->params().size())));
    const std::string mine = s_.state->owns_state() ? sha256(weights).hex() : "";
    const auto all =
        s_.comm.all_gather(std::as_bytes(std::span(mine)),
                           {s_.experiment.run.timeout, "the weights' hashes", state_.step});
    for (size_t rank = 1; rank < all.size(); ++rank) {
      if (all[rank].empty() || all[rank] == all[0]) continue;
      const Member& m = s_.comm.members()[rank];
      throw AgreedError(
          ExitCode::communication,
          fmt::format("step {}: the weights of host {} (rank {}) differ from host {}'s (rank 0)",
                      state_.step, m.host, rank, s_.comm.members()[0].host),
          "a host computes or stores wrongly: check its memory, then resume from the last "
          "checkpoint");
    }
  }

  void step(Loader& loader) {
    debug_hooks();
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
    log_->step(step);
  }

  void too_large(const StepResult& result) {
    if (log_)
      log_->note(
          fmt::format("step {}: the gradient does not fit {} at a loss scale of {}; the "
                      "update was left out and the scale halved",
                      result.plan.step, s_.experiment.train.precision, result.verdict.loss_scale));
  }

  // Never applied; the culprits are named, because positions are a pure function of the step.
  void not_finite(const StepResult& result) {
    const StepPlan& plan = result.plan;
    std::string ids;
    for (int64_t i = 0; i < plan.samples; ++i) {
      const SampleKey key = s_.train_order->at(plan.epoch, static_cast<uint64_t>(plan.begin + i));
      ids += fmt::format("{}{}", i ? "," : "", s_.data.train->place(key.id));
    }
    const std::string what = fmt::format(
        "step {}: the loss ({}) or the gradient (norm {}) is not finite; the update was not "
        "applied. Samples of the batch, counted over data.train from 0: {}",
        plan.step, result.loss, result.verdict.grad_norm, ids);
    if (s_.experiment.train.non_finite != "skip")
      throw AgreedError(ExitCode::failure, what,
                        "lower optimizer.lr, set train.clip_norm, look at these samples, or set "
                        "train.non_finite = skip");
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
    if (s_.first()) checkpointer_->finish();  // its snapshot's buffers are the next one's
    if (s_.first() && saved) {
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
      checkpointer_->save(s_.state->snapshot(), std::move(state), best);
    }
    phases_.checkpoint += seconds_since(start);
    saved_at_ = state_.step;
    last_save_ = Clock::now();
  }

  ExitCode leave_for_requeue() {
    save(false);
    if (checkpointer_) checkpointer_->finish();
    if (log_) {
      log_->note(fmt::format("saved at step {} on a signal; continue with --resume {}", state_.step,
                             dir_.string()));
      log_->finish(summary("saved on signal", {}));
    }
    s_.comm.barrier({s_.experiment.run.timeout, "the save on a signal", state_.step});
    return ExitCode::requeue;
  }

  RunSummary summary(const std::string& status, const ExportOutcome& exported) const {
    return {status,
            s_.comm.size(),
            s_.topology.members,
            s_.steps->total(),
            describe(s_.topology, s_.comm.size()),
            exported.folder,
            exported.parity};
  }

  ExitCode finish() {
    if (s_.data.validation && evaluated_at_ != state_.step) evaluate_now();
    save(false);
    if (checkpointer_) checkpointer_->finish();
    if (s_.experiment.export_.best)  // the last rank reads what the first wrote
      s_.comm.barrier({s_.experiment.run.timeout, "the last checkpoint", state_.step});
    const ExportOutcome exported = export_at_end(s_, dir_);
    if (log_) {
      log_->finish(summary(status_, exported));
      if (!exported.folder.empty())
        log_info("exported to {}: {}", exported.folder, exported.parity);
      log_info("report: {}", (dir_ / "report.html").string());
    }
    s_.comm.barrier({s_.experiment.run.timeout, "the end of the run", state_.step});
    return ExitCode::done;
  }

  void debug_hooks() const {
    const DebugConfig& d = s_.experiment.debug;
    if (s_.rank() != d.kill_rank) return;
    if (d.slow_rank_ms > 0)
      std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(d.slow_rank_ms));
    if (state_.step != d.kill_step) return;
    if (d.kill_how == "kill") raise(SIGKILL);
    if (d.kill_how == "exit") _exit(9);
    if (d.kill_how == "hang") std::this_thread::sleep_for(std::chrono::hours(24));
    if (d.kill_how == "throw")
      throw DataError("debug.kill_how = throw", "remove the [debug] section");
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
  std::unique_ptr<RunLog> log_;
  std::unique_ptr<Checkpointer> checkpointer_;
};

struct Place {
  Path dir, checkpoint;  // dir empty: a new one; checkpoint empty: fresh
};

// Rank 0 decides where the run lives and what it continues from; all ranks learn it.
Place choose_place(Communicator& comm, const Experiment& e, const std::string& resume) {
  std::string dir, checkpoint;
  together(comm, "the run directory", e.run.timeout, [&] {
    if (comm.rank() != 0) return;
    if (resume == "auto") {
      dir = find_latest_run(e.run.dir, e.run.name).string();
    } else if (!resume.empty()) {
      const Path named = std::filesystem::absolute(resolve_checkpoint(resume));
      checkpoint = named.string();
      // A checkpoint that was copied elsewhere is continued in a run directory of its own.
      if (named.parent_path().filename() == "checkpoints")
        dir = named.parent_path().parent_path().string();
    }
    if (resume == "auto" && !dir.empty())
      checkpoint = newest_good_checkpoint(Path(dir) / "checkpoints").value().string();
  });
  const Wait wait{e.run.timeout, "the run directory", -1};
  return {broadcast_text(comm, dir, 0, wait), broadcast_text(comm, checkpoint, 0, wait)};
}

// Made when nothing but training itself can fail any more, so that a wrong experiment leaves
// nothing.
Path new_run_directory(Communicator& comm, const RunConfig& run) {
  std::string dir;
  together(comm, "the run directory", run.timeout, [&] {
    if (comm.rank() == 0) dir = create_run_directory(run.dir, run.name).string();
  });
  return broadcast_text(comm, dir, 0, {run.timeout, "the run directory", -1});
}

void describe_start(const Session& s, const Place& place, const std::string& device) {
  const auto count = [](const ParamTable& table) {
    int64_t n = 0;
    for (const Slot& slot : table.slots()) n += slot.count;
    return n;
  };
  log_info("{}: {}", s.experiment.run.name, describe(s.topology, s.comm.size()));
  log_info("data: {} training samples, {} validation; model: {} parameters, {:.3g} GFLOP a sample",
           s.data.train->size(), s.data.validation ? s.data.validation->size() : 0,
           count(s.graph->params()), s.graph->flops_per_sample() / 1e9);
  log_info("device: {}", device);
  log_info("numerics: {}, {}", s.cpu_level,
           s.experiment.run.reproducible ? "reproducible" : "not reproducible");
  if (s.topology.members > s.topology.shards)
    log_warning("{} lanes but {} virtual shards: {} lanes stay idle (train.virtual_shards)",
                s.topology.members, s.topology.shards, s.topology.members - s.topology.shards);
  log_info("memory: {}", s.memory_in_words);
  if (s.checkpoint) log_info("resuming from {}", s.checkpoint->path().string());
  log_info("run directory: {}", place.dir.string());
}

}  // namespace

ExitCode train(Communicator& comm, const Experiment& experiment, const TrainOptions& options) {
  OpenedDevice opened = open_device(comm, experiment);
  Place place = choose_place(comm, experiment, options.resume);
  Session session(comm, experiment, place.checkpoint, std::move(opened.device));
  if (place.dir.empty()) place.dir = new_run_directory(comm, experiment.run);
  init_log({comm.rank(), comm.size(),
            (place.dir / fmt::format("rank-{}.log", comm.rank())).string(), false});
  if (comm.rank() == 0) {
    write_atomic(place.dir / "experiment.ini", experiment.to_ini(true));
    std::vector<std::string> hosts;
    for (const Member& m : comm.members()) hosts.push_back(m.host);
    auto facts = build_facts();
    facts["data"] = session.data_fingerprint;
    write_environment(place.dir, options.command_line, hosts, facts);
    describe_start(session, place, opened.why);
  }
  try {
    const ExitCode code = TrainingRun(session, place.dir, options).run();
    session.close();
    return code;
  } catch (const AgreedError&) {
    throw;
  } catch (const std::exception& e) {
    session.state->fail(e.what());
    throw;
  }
}

}  // namespace trireme
