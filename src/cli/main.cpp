// trireme: the program's entry. One error handler: prints the error and its hint once, returns its
// code.

#include <fmt/format.h>

#include <cstdio>
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

}  // namespace
}  // namespace trireme

int main(int argc, char** argv) {
  using namespace trireme;
  const auto end_with = [](const Error& e) {
    log_error("{}{}{}", e.what(), e.hint().empty() ? "" : "\n  hint: ", e.hint());
    flush_log();
    return static_cast<int>(e.code());
  };
  try {
    return dispatch(argc, argv);
  } catch (const Error& e) {
    return end_with(e);
  } catch (const std::filesystem::filesystem_error& e) {
    return end_with(as_data_error(e));
  } catch (const std::exception& e) {
    log_error("{} (this is a bug in Trireme: please report it)", e.what());
    flush_log();
    return static_cast<int>(ExitCode::failure);
  }
}
