// What a checkpoint costs the training loop: the time in which Checkpointer::save holds it, and the
// steps that the background write takes away.
//   checkpoint_bench EXPERIMENT.ini FOLDER [--section.key=value ...]
// run N hold -> seconds in which N saves held the loop, each after the one before was on disk.
// run N written -> seconds until N checkpoints were on disk.
// run N steps, run N steps_and_save -> seconds of N steps, without and with a save at their start.

#include <fmt/format.h>

#include <cstdio>

#include "base/clock.h"
#include "serve.h"
#include "steps_of.h"
#include "worker/checkpointer.h"

namespace trireme::bench {
namespace {

class CheckpointBench {
 public:
  CheckpointBench(Communicator& comm, const Experiment& experiment, const Path& folder)
      : steps_(comm, experiment), checkpointer_(folder, 1, size_t{1} << 30) {
    steps_.run(1);
  }

  std::string facts() {
    const auto state = steps_.session().exchange->snapshot();
    size_t bytes = 0;
    for (const TensorMeta& tensor : state->list()) bytes += tensor.bytes();
    return fmt::format(R"({{"bytes": {}}})", bytes);
  }

  double run(const Request& request) {
    const std::string what = request.words.empty() ? "" : request.words.front();
    if (what == "hold" || what == "written") return save(request.repetitions, what == "written");
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
    checkpointer_.save(steps_.session().exchange->snapshot(), std::move(state), false);
  }

  double save(int64_t times, bool until_written) {
    double seconds = 0;
    for (int64_t i = 0; i < times; ++i) {
      const auto start = Clock::now();
      save_once();
      if (!until_written) seconds += seconds_since(start);
      checkpointer_.finish();
      if (until_written) seconds += seconds_since(start);
    }
    return seconds;
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
