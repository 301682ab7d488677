// The time of training steps, alone or under mpirun.
//   step_bench EXPERIMENT.ini [--section.key=value ...]
// ready after the first step. run N -> seconds of N steps. run N phases -> the same, and on
// standard error where lane 0 spent it.

#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "ranks.h"
#include "steps_of.h"

namespace trireme::bench {
namespace {

void print_phases(int64_t steps, const StepTimes& times) {
  const double us = 1e6 / static_cast<double>(steps);
  const double outside =
      times.seconds - times.data - times.compute - times.exchange - times.optimizer;
  fmt::print(stderr,
             "step {:.1f} us: data {:.1f}, compute {:.1f}, exchange {:.1f}, optimizer {:.1f}, "
             "outside {:.1f}\n",
             times.seconds * us, times.data * us, times.compute * us, times.exchange * us,
             times.optimizer * us, outside * us);
}

std::string facts(StepsOf& steps) {
  const Session& s = steps.session();
  return fmt::format(
      R"({{"flops": {:.0f}, "parameters": {}, "lanes": {}, "shards": {}, "level": "{}"}})",
      steps.flops(), s.graph->params().size(), s.topology.members, s.topology.shards, s.cpu_level);
}

void serve_steps(int argc, char** argv) {
  if (argc < 2)
    throw std::runtime_error("usage: step_bench EXPERIMENT.ini [--section.key=value ...]");
  const auto comm =
      launched_by_mpi() ? make_mpi_communicator(&argc, &argv) : make_local_communicator();
  {
    const Experiment experiment = load_experiment(argv[1], overrides_of(argc, argv, 2));
    StepsOf steps(*comm, experiment);
    steps.run(1);
    RankServer(*comm).serve(facts(steps), [&](const Request& request) {
      const StepTimes times = steps.run(request.repetitions);
      if (comm->rank() == 0 && !request.words.empty()) print_phases(request.repetitions, times);
      return times.seconds;
    });
    steps.close();
  }
  comm->close();
}

}  // namespace
}  // namespace trireme::bench

int main(int argc, char** argv) {
  try {
    trireme::bench::serve_steps(argc, argv);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "step_bench: %s\n", e.what());
    return 1;
  }
}
