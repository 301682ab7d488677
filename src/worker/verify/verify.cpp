#include "worker/verify/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "config/experiment.h"
#include "worker/verify/child_process.h"
#include "worker/verify/compare.h"
#include "worker/verify/export_check.h"
#include "worker/verify/table.h"
#include "worker/verify/work_folder.h"

namespace trireme {
namespace {

namespace fs = std::filesystem;

constexpr size_t kShownLines = 15;  // of a failed training's log

Bound bound_of(const VerifyOptions& options, const Experiment& e) {
  if (options.tolerance >= 0) return {options.tolerance};
  const bool bits = e.run.reproducible && e.run.device != "cuda";
  return {bits ? 0 : kDefaultTolerance};
}

class Verification {
 public:
  Verification(const VerifyOptions& options, const std::atomic<int>& interrupt,
               const std::function<void(std::string_view)>& print)
      : options_(options),
        interrupt_(interrupt),
        print_(print),
        experiment_(load_experiment(options.experiment, options.overrides)),
        bound_(bound_of(options, experiment_)) {
    if (options.keep) folder_.keep();
  }

  bool run() {
    print_(fmt::format("{}: {} steps of {} samples, compared {}\n\n{}", experiment_.run.name,
                       options_.steps, experiment_.train.batch_size, bound_.str(), table_header()));
    for (const VerifyCase& one : verify_cases(options_)) {
      if (one.mixed && !has_tables_) continue;
      if (one.start == Start::killed)
        kill_one(one);
      else
        compare_one(one);
    }
    check_exports();
    conclude();
    return failures_ == 0;
  }

 private:
  Path dir(const VerifyCase& one) const { return folder_.path() / one.folder; }
  Path log(const VerifyCase& one) const { return folder_.path() / (one.folder + ".log"); }

  ChildEnd train(const VerifyCase& one, const Path& resume) const {
    return run_child({launch_words(options_, one, dir(one), resume), log(one), options_.timeout},
                     interrupt_);
  }

  // A run goes on where it was: each that resumes the killed one gets a copy.
  Path resumable(const VerifyCase& one) const {
    if (one.start != Start::resumed || killed_.empty()) return {};
    fs::copy(killed_, dir(one), fs::copy_options::recursive);
    return run_of(dir(one));
  }

  void compare_one(const VerifyCase& one) {
    VerifyRow row = row_of(one);
    if (one.start == Start::resumed && killed_.empty()) {
      add(row, {false, "FAILED: there is nothing to resume"});
      return;
    }
    const ChildEnd end = train(one, resumable(one));
    row.seconds = end.seconds;
    const Path checkpoint = end.exit_code == 0 ? last_checkpoint(dir(one)) : Path();
    if (checkpoint.empty()) {
      if (reference_.empty()) no_reference(one, end);
      add(row, {false, failure(end)});
      print_(last_lines(log(one), kShownLines, "    "));
      return;
    }
    const CheckpointReader reader(checkpoint, /*verify=*/true);
    row.steps = std::to_string(reader.manifest().state.step);
    row.hash = weights_hash(reader);
    const bool first = reference_.empty();
    if (first) {
      reference_ = checkpoint;
      has_tables_ = std::ranges::any_of(reader.manifest().tensors, [](const auto& tensor) {
        return tensor.first.name.starts_with("table.");
      });
    }
    ++trainings_;
    add(row, first ? Comparison{true, "-"} : compare_checkpoints(reference_, checkpoint, bound_));
  }

  void kill_one(const VerifyCase& one) {
    VerifyRow row = row_of(one);
    const ChildEnd end = train(one, {});
    row.seconds = end.seconds;
    const Path checkpoint = last_checkpoint(dir(one));
    std::string wrong;
    if (end.timed_out)
      wrong = failure(end);
    else if (end.exit_code == 0)
      wrong = "FAILED: it was to lose a rank, but ended well";
    else if (checkpoint.empty())
      wrong = fmt::format("FAILED: no checkpoint up to step {}", kill_step(options_));
    if (!wrong.empty()) {
      add(row, {false, wrong});
      print_(last_lines(log(one), kShownLines, "    "));
      return;
    }
    killed_ = dir(one);
    // What the others resume from.
    row.steps = std::to_string(CheckpointReader(checkpoint, false).manifest().state.step);
    add(row, {true, fmt::format("rank 1 died at step {}", kill_step(options_))});
  }

  void check_exports() {
    const Path exported = reference_.parent_path().parent_path() / "export";
    for (const char* file : {"model.onnx", "model.safetensors"}) {
      const auto started = Clock::now();
      VerifyRow row;
      row.name = std::string("exported ") + Path(file).extension().string();
      Comparison result;
      try {
        result = check_exported_file(exported / file, reference_, experiment_.export_);
      } catch (const Error& e) {
        result = {false, fmt::format("FAILED: {}", e.what())};
      }
      row.seconds = seconds_since(started);
      add(row, result);
    }
  }

  void conclude() {
    if (failures_ > 0) {
      folder_.keep();
      print_(fmt::format("\nDOES NOT HOLD: {} of {} rows. Runs and logs: {}\n", failures_, rows_,
                         folder_.path().string()));
      return;
    }
    print_(fmt::format(
        "\nHolds: {} trainings ended with the same weights, optimizer state and validation "
        "result,\n{}; both exports predict what training predicted.\n",
        trainings_, bound_.str()));
    if (options_.keep) print_(fmt::format("runs and logs: {}\n", folder_.path().string()));
  }

  static VerifyRow row_of(const VerifyCase& one) {
    VerifyRow row;
    row.name = one.name;
    row.place = one.servers > 0 ? fmt::format("{} x {} + {}", one.ranks, one.lanes, one.servers)
                                : fmt::format("{} x {}", one.ranks, one.lanes);
    return row;
  }

  void add(VerifyRow row, const Comparison& result) {
    row.verdict = result.verdict;
    rows_ += 1;
    failures_ += !result.holds;
    print_(table_row(row));
  }

  std::string failure(const ChildEnd& end) const {
    if (end.timed_out)
      return fmt::format("FAILED: not done after {:g} s (--verify.timeout)", options_.timeout);
    if (end.exit_code == 0) return "FAILED: it left no checkpoint";
    return fmt::format(
        "FAILED: exit code {}{}", end.exit_code,
        end.exit_code == static_cast<int>(ExitCode::requeue) ? " (a signal from outside)" : "");
  }

  [[noreturn]] void no_reference(const VerifyCase& one, const ChildEnd& end) const {
    const bool ours = end.exit_code >= 2 && end.exit_code <= 5;
    throw Error(ours ? static_cast<ExitCode>(end.exit_code) : ExitCode::failure,
                fmt::format("the reference training on one rank did not end well ({}):\n{}",
                            failure(end), last_lines(log(one), kShownLines, "    ")),
                "make `trireme train` with the same arguments work first");
  }

  const VerifyOptions& options_;
  const std::atomic<int>& interrupt_;
  const std::function<void(std::string_view)>& print_;
  const Experiment experiment_;
  const Bound bound_;
  WorkFolder folder_;
  Path reference_, killed_;
  bool has_tables_ = false;  // the model
  int rows_ = 0, failures_ = 0, trainings_ = 0;
};

}  // namespace

bool verify(const VerifyOptions& options, const std::atomic<int>& interrupt,
            const std::function<void(std::string_view)>& print) {
  check_overrides(options);
  // auto: the CPU, whose bits are the same for any number of ranks. Devices, where the file says
  // so.
  VerifyOptions chosen = options;
  const std::string device = load_experiment(options.experiment, options.overrides).run.device;
  if (device == "auto") chosen.overrides.emplace_back("run.device=cpu");
  chosen.servers = device != "cuda";  // they train on CPUs
  return Verification(chosen, interrupt, print).run();
}

}  // namespace trireme
