#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "base/error.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "comm/communicator.h"
#include "worker/agreement.h"
#include "worker/train.h"

namespace trireme {
namespace {

// The one thing a signal handler may touch.
std::atomic<int> signalled{0};
void remember_signal(int number) { signalled.store(number, std::memory_order_relaxed); }

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = remember_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGUSR1, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

const std::vector<OptionSpec>& specs() {
  static const std::vector<OptionSpec> s = {
      {"--resume", "RUN|auto",
       "continue a run (its folder or one checkpoint); auto: the newest of this name, else start"},
  };
  return s;
}

// The error end of a rank: say why, take the others down, and be gone even if MPI does not return.
[[noreturn]] void die(Communicator& comm, const std::string& what, const std::string& hint,
                      ExitCode code) {
  log_error("{}{}{}", what, hint.empty() ? "" : "\n  hint: ", hint);
  flush_log();
  comm.abort(what, code);
  _exit(static_cast<int>(code));
}

}  // namespace

int command_train(const Args& args) {
  const Options options(args, specs());
  if (options.has("--help") || args.empty()) {
    fmt::print(
        "{}", format_help(
                  "[mpirun -n N] trireme train EXPERIMENT.ini [--resume RUN|auto] "
                  "[--section.key=value ...]",
                  "Trains the experiment, writes a run directory, and exports from the last rank.",
                  specs(),
                  "Exit codes: 0 done, 2 bad config, 3 bad data, 4 device, 5 a peer was lost,\n"
                  "75 saved on SIGTERM or SIGUSR1 and wants to be started again with --resume.\n"));
    return options.has("--help") ? 0 : static_cast<int>(ExitCode::config);
  }
  const std::string& file = experiment_file(options, "trireme train");
  catch_signals();
  const std::unique_ptr<Communicator> comm =
      launched_by_mpi() ? make_mpi_communicator(nullptr, nullptr) : make_local_communicator();
  init_log({comm->rank(), comm->size(), "", false});
  try {
    Experiment experiment;
    together(*comm, "every rank to read the experiment", 60,
             [&] { experiment = load_experiment(file, options.overrides()); });
    TrainOptions train_options{options.value("--resume").value_or(""), &signalled, args};
    const ExitCode code = train(*comm, experiment, train_options);
    flush_log();
    comm->close();
    return static_cast<int>(code);
  } catch (const AgreedError& e) {
    if (comm->rank() == 0)
      log_error("{}{}{}", e.what(), e.hint().empty() ? "" : "\n  hint: ", e.hint());
    flush_log();
    comm->close();
    return static_cast<int>(e.code());
  } catch (const Error& e) {
    if (comm->size() == 1) throw;
    die(*comm, e.what(), e.hint(), e.code());
  } catch (const std::bad_alloc&) {
    if (comm->size() == 1) throw;
    const DeviceError e = out_of_memory();
    die(*comm, e.what(), e.hint(), e.code());
  } catch (const std::exception& e) {
    if (comm->size() == 1) throw;
    die(*comm, e.what(), "", ExitCode::failure);
  }
}

}  // namespace trireme
