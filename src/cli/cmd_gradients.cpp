#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "config/experiment.h"
#include "kernels/cuda_plugin.h"
#include "worker/gradients.h"
#include "worker/open_device.h"

namespace trireme {
namespace {

using Tensors = std::map<std::string, HostTensor>;

const std::vector<OptionSpec>& specs() {
  static const std::vector<OptionSpec> s = {
      {"--weights", "FILE",
       "safetensors with every parameter by name (PyTorch layouts), and table.NAME.keys and .rows"},
      {"--batch", "FILE",
       "safetensors with `input` (N,C,H,W or N,F, float32), `target` (int64 or float32), `ids` "
       "(N,features,values, int64)"},
      {"--out", "FILE",
       "safetensors to write: loss, output, and each parameter's gradient by name"},
      {"--init", "FILE",
       "write the initial weights there instead; of tables, the rows of the batch's ids"},
  };
  return s;
}

std::string required(const Options& options, const std::string& name) {
  const auto value = options.value(name);
  if (!value)
    throw ConfigError(fmt::format("gradients needs {}", name), "trireme gradients --help");
  return *value;
}

Tensors read_all(const std::string& file) {
  const SafetensorsReader reader{Path(file)};
  Tensors tensors;
  for (const TensorMeta& t : reader.tensors()) tensors.emplace(t.name, reader.tensor(t.name));
  return tensors;
}

}  // namespace

int command_gradients(const Args& args) {
  const Options options(args, specs());
  if (options.has("--help") || args.empty()) {
    fmt::print(
        "{}",
        format_help(
            "trireme gradients EXPERIMENT.ini --weights W --batch B --out G "
            "[--section.key=value ...]",
            "One forward and backward pass of the experiment's model, dropout off, "
            "in training mode:\n"
            "the gradient of the mean loss, to hold against another framework's.\n"
            "A model with several inputs finds each in the batch by its name, instead of `input`.\n"
            "Rows of embedding tables come and go as table.NAME.keys and table.NAME.rows; a key "
            "that\n"
            "the weights have no row for has its initial one.",
            specs()));
    return options.has("--help") ? 0 : static_cast<int>(ExitCode::config);
  }
  const Experiment experiment =
      load_experiment(experiment_file(options, "trireme gradients"), options.overrides());
  if (const auto init = options.value("--init")) {
    const auto batch = options.value("--batch");
    write_tensors(Path(*init), initial_weights(experiment, batch ? read_all(*batch) : Tensors{}));
    return 0;
  }
  const auto comm = make_local_communicator();
  auto [device, why] = open_device(*comm, experiment);
  if (!device) device = make_cpu_device(experiment.run.cpu_level);
  const auto result = gradients(*device, experiment, read_all(required(options, "--weights")),
                                read_all(required(options, "--batch")));
  write_tensors(Path(required(options, "--out")), result);
  fmt::print("loss {:.9g}; {} tensors in {}\n", result.at("loss").floats()[0], result.size(),
             *options.value("--out"));
  return 0;
}

}  // namespace trireme
