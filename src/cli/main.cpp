// trireme: the program's entry. One error handler: prints the error and its hint once, returns its
// code.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/filesystem_error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "worker/version.h"

namespace trireme {
namespace {

struct Command {
  const char* name;
  const char* summary;
  int (*run)(const Args&);
};

constexpr Command kCommands[] = {
    {"train", "train an experiment; start it under mpirun for several ranks", command_train},
    {"eval", "metrics of a run, checkpoint or export on a data set", command_eval},
    {"predict", "predictions of an export for a file", command_predict},
    {"export", "write a parity-checked ONNX or safetensors export", command_export},
    {"verify", "prove that ranks, lanes, resume and export do not change the answer",
     command_verify},
    {"gradients", "one forward and backward pass on given weights and data", command_gradients},
    {"config", "print the resolved experiment, or the schema of all keys", command_config},
    {"ckpt", "inspect, verify or diff checkpoints", command_ckpt},
    {"devices", "what this machine offers, and why something is not usable", command_devices},
};

int print_help() {
  fmt::print(
      "Trireme {}: distributed training that its users can trust.\n\nUsage: trireme COMMAND "
      "[ARGUMENTS]\n\n",
      version());
  for (const Command& c : kCommands) fmt::print("  {:<10} {}\n", c.name, c.summary);
  fmt::print(
      "\n  trireme COMMAND --help explains a command; trireme --version names the build.\n"
      "  mpirun -n 2 trireme train configs/digits_cnn.ini   is a first experiment.\n");
  return 0;
}

int print_version() {
  for (const auto& [name, value] : build_facts()) fmt::print("{:<12} {}\n", name, value);
  return 0;
}

int dispatch(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "--help";
  if (name == "--help" || name == "-h" || name == "help") return print_help();
  if (name == "--version" || name == "version") return print_version();
  std::vector<std::string> names;
  for (const Command& c : kCommands) {
    if (name == c.name) return c.run(Args(argv + 2, argv + argc));
    names.emplace_back(c.name);
  }
  const auto near = nearest(name, names);
  throw ConfigError(
      fmt::format("there is no command {}", name),
      near ? fmt::format("did you mean {}?", *near) : "trireme --help lists the commands");
}

// A descriptor that the caller closed would be the next file's: what goes to standard error then
// lies in a checkpoint or in the run's records. Standard output cannot be written to, and says so.
void open_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0)
      (void)!::open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);  // the lowest is free
}

// What was printed has to reach who asked for it, before a code says that all is done.
int end_output(int code, const std::string& reason) {
  if (std::ferror(stdout) == 0 && std::fflush(stdout) == 0) return code;
  log_error("cannot write to standard output: {}",
            reason.empty() ? std::generic_category().message(errno) : reason);
  return code == 0 ? static_cast<int>(ExitCode::data) : code;
}

}  // namespace

DeviceError out_of_memory() {
  return DeviceError("there is not enough memory on this machine",
                     "lower train.batch_size, or the sizes of the model or the data");
}

}  // namespace trireme

int main(int argc, char** argv) {
  using namespace trireme;
  const auto end_with = [](const Error& e) {
    log_error("{}{}{}", e.what(), e.hint().empty() ? "" : "\n  hint: ", e.hint());
    flush_log();
    return static_cast<int>(e.code());
  };
  const auto end_with_bug = [](const std::exception& e) {
    log_error("{} (this is a bug in Trireme: please report it)", e.what());
    flush_log();
    return static_cast<int>(ExitCode::failure);
  };
  open_standard_streams();
  try {
    return end_output(dispatch(argc, argv), "");
  } catch (const Error& e) {
    return end_with(e);
  } catch (const std::filesystem::filesystem_error& e) {
    return end_with(as_data_error(e));
  } catch (const std::bad_alloc&) {
    return end_with(out_of_memory());
  } catch (const std::length_error&) {
    return end_with(out_of_memory());
  } catch (const std::system_error& e) {
    return std::ferror(stdout) != 0 ? end_output(0, e.code().message()) : end_with_bug(e);
  } catch (const std::exception& e) {
    return end_with_bug(e);
  }
}
