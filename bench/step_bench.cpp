// Training steps of an experiment, as `trireme train` runs them: loader, lanes, reduction, optimizer and
// metrics; no log, evaluation or checkpoint. Alone or under mpirun.
//   step_bench EXPERIMENT.ini [--section.key=value ...]
// ready after the first step. run N -> seconds of N steps. run N phases -> the same, and on standard error
// where lane 0 spent it.

#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "base/clock.h"
#include "ranks.h"
#include "worker/session.h"

namespace trireme::bench {
namespace {

std::vector<std::string> overrides_of(int argc, char** argv) {
  std::vector<std::string> overrides;
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    if (!argument.starts_with("--")) throw std::runtime_error("expected --section.key=value, got " + argument);
    overrides.push_back(argument.substr(2));
  }
  return overrides;
}

class StepRun {
 public:
  StepRun(Communicator& comm, const Experiment& experiment)
      : session_(comm, experiment, {}),
        loader_(session_.make_loader(true, 0, [this](int64_t step) { return session_.steps->at(step); },
                                     INT64_MAX, session_.steps->full_batch())) {}

  double run(const Request& request) {
    StepResult sum;
    const auto start = Clock::now();
    for (int64_t i = 0; i < request.repetitions; ++i) step(sum);
    const double seconds = seconds_since(start);
    if (session_.first() && !request.words.empty()) print_phases(request.repetitions, seconds, sum);
    return seconds;
  }

  std::string facts() const {
    return fmt::format(R"({{"flops": {:.0f}, "parameters": {}, "lanes": {}, "shards": {}, "level": "{}"}})",
                       3 * session_.graph->flops_per_sample() * static_cast<double>(session_.steps->full_batch()),
                       session_.graph->params().size(), session_.topology.members, session_.topology.shards,
                       session_.cpu_level);
  }

 private:
  void step(StepResult& sum) {
    UpdateSettings settings;
    settings.scalars.lr = static_cast<float>(session_.schedule->lr(step_));
    settings.scalars.step = step_ + 1;
    const StepResult result = session_.runner->train(session_.steps->at(step_), *loader_, settings);
    if (!result.verdict.applied) throw std::runtime_error(fmt::format("step {} was not applied", step_));
    ++step_;
    sum.data_seconds += result.data_seconds;
    sum.compute_seconds += result.compute_seconds;
    sum.exchange_seconds += result.exchange_seconds;
  }

  static void print_phases(int64_t steps, double seconds, const StepResult& sum) {
    const double us = 1e6 / static_cast<double>(steps);
    fmt::print(stderr, "step {:.1f} us: data {:.1f}, compute {:.1f}, exchange {:.1f}, outside {:.1f}\n", seconds * us,
               sum.data_seconds * us, sum.compute_seconds * us, sum.exchange_seconds * us,
               (seconds - sum.data_seconds - sum.compute_seconds - sum.exchange_seconds) * us);
  }

  Session session_;
  std::unique_ptr<Loader> loader_;
  int64_t step_ = 0;
};

void run_steps(Communicator& comm, const Experiment& experiment) {
  StepRun steps(comm, experiment);
  steps.run({.repetitions = 1, .words = {}});
  serve_ranks(comm, steps.facts(), [&](const Request& request) { return steps.run(request); });
}

int main_of_rank(int argc, char** argv) {
  if (argc < 2) throw std::runtime_error("usage: step_bench EXPERIMENT.ini [--section.key=value ...]");
  const auto comm = launched_by_mpi() ? make_mpi_communicator(&argc, &argv) : make_local_communicator();
  run_steps(*comm, load_experiment(argv[1], overrides_of(argc, argv)));
  comm->close();
  return 0;
}

}  // namespace
}  // namespace trireme::bench

int main(int argc, char** argv) {
  try {
    return trireme::bench::main_of_rank(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "step_bench: %s\n", e.what());
    return 1;
  }
}
