#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "export/evaluation_data.h"
#include "export/export.h"
#include "export/goldens.h"
#include "export/load_checkpoint.h"

namespace trireme {
namespace {

const std::vector<OptionSpec> kOptions = {
    {"--format", "LIST",
     "onnx, safetensors or both, separated by commas; default: the experiment's"},
    {"--out", "DIR", "folder to write; must not exist"},
};

// The validation data that the experiment names (else its training data), for goldens; null when it
// cannot be read any more.
std::unique_ptr<DataSource> find_data(const Experiment& experiment, const Preprocessing& fixed) {
  try {
    if (auto validation = open_evaluation_data(experiment, fixed)) return validation;
    return std::move(open_data(experiment.data, experiment.run.seed, fixed).train);
  } catch (const DataError& e) {
    log_warning("the export is checked on random inputs, as the data cannot be read: {}", e.what());
    return nullptr;
  }
}

}  // namespace

int command_export(const Args& args) {
  if (args.empty() || std::ranges::count(args, "--help") + std::ranges::count(args, "-h") > 0) {
    fmt::print("{}", format_help(
                         "trireme export RUN|CHECKPOINT --out DIR [--format onnx,safetensors]",
                         "Writes a checkpoint as files that others read, replays recorded samples "
                         "through them,\nand publishes the folder only when they predict the same.",
                         kOptions, "Exit code 3: the files would predict something else."));
    return static_cast<int>(args.empty() ? ExitCode::config : ExitCode::done);
  }
  const Options options(args, kOptions);
  if (options.positional().size() != 1)
    throw ConfigError(fmt::format("trireme export takes one run or checkpoint, {} were given",
                                  options.positional().size()),
                      "`trireme export --help` shows the form");
  if (!options.has("--out"))
    throw ConfigError("trireme export: --out is missing", "name the folder to write");
  const Path checkpoint = resolve_checkpoint(options.positional()[0]);
  const LoadedModel loaded = load_checkpoint_model(checkpoint);
  const Experiment experiment =
      parse_experiment(loaded.config, checkpoint.string(), options.overrides());
  std::vector<std::string> formats = experiment.export_.formats;
  if (const auto list = options.value("--format")) formats = split(*list, ',');

  const auto source = find_data(experiment, loaded.preprocessing);
  const Goldens goldens = record_goldens(*loaded.graph, loaded.weights, source.get(),
                                         experiment.export_.goldens, experiment.run.seed);
  const TrainedModel model{loaded.graph.get(), loaded.weights, loaded.preprocessing, loaded.config,
                           checkpoint_origin(checkpoint)};
  const Path out = *options.value("--out");
  const ParityReport report =
      export_model(model, goldens, formats, experiment.export_.atol, experiment.export_.rtol, out);
  fmt::print("exported to {}\n{}\n", out.string(), report.text);
  return static_cast<int>(ExitCode::done);
}

}  // namespace trireme
