#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "data/predict_input.h"
#include "export/export.h"
#include "export/interpret.h"
#include "export/write_predictions.h"

namespace trireme {
namespace {

const std::vector<OptionSpec> kOptions = {
    {"--input", "FILE", ".npy, .csv, .png or .jpg, as the training data had them"},
    {"--output", "FILE", ".csv, .npy or .json; default: lines on standard output"},
    {"--top", "K", "classes on each line, the likeliest first; default 1"},
};

int64_t read_top(const Options& options) {
  const std::string text = options.value("--top").value_or("1");
  const auto top = parse_int(text);
  if (!top || *top < 1)
    throw ConfigError(fmt::format("trireme predict: --top is {}", text), "a whole number from 1");
  return *top;
}

}  // namespace

int command_predict(const Args& args) {
  if (args.empty() || std::ranges::count(args, "--help") + std::ranges::count(args, "-h") > 0) {
    fmt::print(
        "{}",
        format_help("trireme predict EXPORT --input FILE [--output FILE] [--top K]",
                    "Classes with probabilities, or values, for every sample of a file. EXPORT: a "
                    "folder that\n`trireme export` wrote, or its .onnx or .safetensors file.",
                    kOptions));
    return static_cast<int>(args.empty() ? ExitCode::config : ExitCode::done);
  }
  const Options options(args, kOptions);
  if (options.positional().size() != 1)
    throw ConfigError(
        fmt::format("trireme predict takes one export, {} were given", options.positional().size()),
        "`trireme predict --help` shows the form");
  if (!options.has("--input"))
    throw ConfigError("trireme predict: --input is missing", "name the file to predict from");
  if (!options.overrides().empty())
    throw ConfigError("trireme predict: --" + options.overrides()[0] + " has no meaning here",
                      "predictions use the export's own experiment");
  const int64_t top = read_top(options);
  const LoadedModel model = load_export(options.positional()[0]);
  const PredictionInput given =
      read_prediction_input(*options.value("--input"), model.preprocessing);
  const Interpreted predictions =
      interpret_outputs(model, Predictor(*model.graph, model.weights).run(given.input, given.ids));
  if (const auto output = options.value("--output"))
    write_predictions(predictions, *output);
  else
    fmt::print("{}", prediction_lines(predictions, top));
  return static_cast<int>(ExitCode::done);
}

}  // namespace trireme
