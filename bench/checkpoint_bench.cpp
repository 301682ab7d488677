// What a checkpoint costs the training loop: the time in which Checkpointer::save holds it, and the
// steps that the background write takes away.
//   checkpoint_bench EXPERIMENT.ini FOLDER [--section.key=value ...]
// run N hold -> seconds in which N saves held the loop (the call, and the next update's wait for
// the copy), each after the one before was on disk.
// run N written -> seconds until N checkpoints were on disk.
// run N cpu -> CPU seconds of N saves with nothing else running.
// run N steps, run N steps_and_save -> seconds of N steps, without and with a save at their start.

#include <fmt/format.h>

#include <time.h>

#include <cstdio>

#include "base/clock.h"
#include "serve.h"
#include "steps_of.h"
#include "worker/checkpointer.h"

namespace trireme::bench {
namespace {

double cpu_seconds() {
  timespec t;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double seconds_since_epoch() {
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

class CheckpointBench {
 public:
  CheckpointBench(Communicator& comm, const Experiment& experiment, const Path& folder)
      : steps_(comm, experiment), checkpointer_(folder, 1, size_t{1} << 30) {
    steps_.run(1);
  }

  std::string facts() {
    const auto state = steps_.session().state->snapshot(true);
    size_t bytes = 0;
    for (const TensorMeta& tensor : state->list()) bytes += tensor.bytes();
    return fmt::format(R"({{"bytes": {}}})", bytes);
  }

  double run(const Request& request) {
    const std::string what = request.words.empty() ? "" : request.words.front();
    if (what == "hold") return hold(request.repetitions);
    if (what == "written") return written(request.repetitions, seconds_since_epoch);
    if (what == "cpu") return written(request.repetitions, cpu_seconds);
    if (what != "steps" && what != "steps_and_save")
      throw std::runtime_error("no such measurement: " + what);
    const auto start = Clock::now();
    if (what == "steps_and_save") save_once();
    steps_.run(request.repetitions);
    const double seconds = seconds_since(start);
    checkpointer_.finish();
    return seconds;
  }

 private:
  void save_once() {
    RunState state;
    state.step = steps_.done() + ++saves_;  // a folder of its own
    checkpointer_.begin(state.step);
    checkpointer_.save({steps_.session().state->snapshot(true), nullptr}, std::move(state), false);
  }

  double hold(int64_t times) {
    double seconds = 0;
    for (int64_t i = 0; i < times; ++i) {
      const auto start = Clock::now();
      save_once();
      seconds += seconds_since(start);
      seconds += steps_.run(1).checkpoint;
      checkpointer_.finish();
    }
    return seconds;
  }

  double written(int64_t times, double (*now)()) {
    const double start = now();
    for (int64_t i = 0; i < times; ++i) {
      save_once();
      checkpointer_.finish();
    }
    return now() - start;
  }

  StepsOf steps_;
  Checkpointer checkpointer_;
  int64_t saves_ = 0;
};

void serve_saves(int argc, char** argv) {
  if (argc < 3)
    throw std::runtime_error(
        "usage: checkpoint_bench EXPERIMENT.ini FOLDER [--section.key=value ...]");
  const auto comm = make_local_communicator();
  CheckpointBench bench(*comm, load_experiment(argv[1], overrides_of(argc, argv, 3)), argv[2]);
  serve(bench.facts(), [&](const Request& request) { return bench.run(request); });
}

}  // namespace
}  // namespace trireme::bench

int main(int argc, char** argv) {
  try {
    trireme::bench::serve_saves(argc, argv);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "checkpoint_bench: %s\n", e.what());
    return 1;
  }
}
