#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>

#include "base/error.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "comm/communicator.h"
#include "worker/verify/child_process.h"
#include "worker/verify/verify.h"

namespace trireme {
namespace {

const std::vector<OptionSpec> kOptions = {
    {"--verify.steps", "K", "steps of each training; default 20"},
    {"--verify.ranks", "N", "the largest number of ranks; default 3"},
    {"--verify.tolerance", "X", "largest relative difference allowed; 0: none, bit for bit"},
    {"--verify.timeout", "SECONDS", "for one training; default 600"},
    {"--verify.keep", "", "keep the runs and logs, and say where"},
};

std::string help() {
  return format_help(
      "trireme verify EXPERIMENT.ini [--verify.steps=K] [--section.key=value ...]",
      "Trains the experiment for a few steps on one rank, several ranks and several lanes, killed "
      "and\nresumed, with ranks under mpirun, and compares where they end: weights, optimizer "
      "state,\nvalidation result, exported files.",
      kOptions,
      "Default bound: bit for bit; 1e-05 of each tensor's largest value where run.reproducible = "
      "false.\nExit code: 0 when all agree, 1 when anything differs by more than the bound.");
}

// The one thing a signal handler may touch.
std::atomic<int> interrupted{0};
void remember_signal(int number) { interrupted.store(number, std::memory_order_relaxed); }

int64_t read_count(const Options& options, const std::string& name, int64_t fallback, int64_t least,
                   int64_t most) {
  const auto text = options.value(name);
  if (!text) return fallback;
  const auto number = parse_int(*text);
  if (!number || *number < least || *number > most)
    throw ConfigError(fmt::format("trireme verify: {} is {}", name, *text),
                      fmt::format("a whole number from {} to {}", least, most));
  return *number;
}

double read_number(const Options& options, const std::string& name, double fallback) {
  const auto text = options.value(name);
  if (!text) return fallback;
  const auto number = parse_double(*text);
  if (!number || !(*number >= 0))
    throw ConfigError(fmt::format("trireme verify: {} is {}", name, *text), "a number from 0");
  return *number;
}

VerifyOptions read_options(const Options& options) {
  VerifyOptions v;
  v.experiment = experiment_file(options, "trireme verify");
  v.overrides = options.overrides();
  v.steps = read_count(options, "--verify.steps", v.steps, kFewestSteps, 1000000);
  v.ranks = read_count(options, "--verify.ranks", v.ranks, 2, 4096);
  v.tolerance = read_number(options, "--verify.tolerance", v.tolerance);
  v.timeout = read_number(options, "--verify.timeout", v.timeout);
  v.keep = options.has("--verify.keep");
  v.program = std::filesystem::read_symlink("/proc/self/exe").string();
  return v;
}

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = remember_signal;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaction(number, &action, nullptr);
}

}  // namespace

int command_verify(const Args& args) {
  const Options options(args, kOptions);
  if (options.has("--help")) {
    fmt::print("{}", help());
    return static_cast<int>(ExitCode::done);
  }
  const VerifyOptions verify_options = read_options(options);
  if (launched_by_mpi())
    throw ConfigError("trireme verify was started by mpirun",
                      "start it plainly: it starts mpirun itself");
  if (geteuid() == 0) {  // mpirun asks root for both
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
  }
  catch_signals();
  try {
    const bool holds = verify(verify_options, interrupted, [](std::string_view text) {
      fmt::print("{}", text);
      std::fflush(stdout);
    });
    return static_cast<int>(holds ? ExitCode::done : ExitCode::failure);
  } catch (const Interrupted& e) {
    fmt::print(stderr, "trireme verify: interrupted; nothing is left running\n");
    return 128 + e.signal;
  }
}

}  // namespace trireme
