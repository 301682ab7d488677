#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "export/evaluation_data.h"
#include "export/export.h"
#include "export/load_checkpoint.h"
#include "export/score.h"

namespace trireme {
namespace {

constexpr size_t kWidestConfusion = 20;  // classes whose matrix still fits a terminal

const std::vector<OptionSpec> kOptions = {
    {"--output", "FORMAT", "table (default) or json"},
};

bool is_export(const Path& what) {
  return what.extension() == ".onnx" || what.extension() == ".safetensors" ||
         std::filesystem::exists(what / "model.onnx") ||
         std::filesystem::exists(what / "model.safetensors");
}

LoadedModel load(const std::string& what) {
  LoadedModel model =
      is_export(what) ? load_export(what) : load_checkpoint_model(resolve_checkpoint(what));
  if (model.config.empty())
    throw FormatError(fmt::format("{}: holds no experiment, so its data set is unknown", what),
                      "evaluate the export folder that Trireme wrote");
  return model;
}

// Files given on the command line replace a split of the training data.
std::vector<std::string> with_files_only(std::vector<std::string> overrides) {
  const auto sets = [&](const char* key) {
    return std::ranges::any_of(overrides, [&](const auto& o) { return o.starts_with(key); });
  };
  if (sets("data.validation=") && !sets("data.validation_split="))
    overrides.push_back("data.validation_split=0");
  return overrides;
}

void print_confusion(const ModelScore& score) {
  const auto name = [&](size_t i) {
    return i < score.class_names.size() ? score.class_names[i] : fmt::format("{}", i);
  };
  size_t width = 8;
  for (size_t i = 0; i < score.confusion.size(); ++i) width = std::max(width, name(i).size() + 1);
  fmt::print("\n{:<{}}", "actual", width);
  for (size_t i = 0; i < score.confusion.size(); ++i) fmt::print("{:>{}}", name(i), width);
  fmt::print("  predicted\n");
  for (size_t i = 0; i < score.confusion.size(); ++i) {
    fmt::print("{:<{}}", name(i), width);
    for (int64_t count : score.confusion[i]) fmt::print("{:>{}}", count, width);
    fmt::print("\n");
  }
}

void print_table(const std::string& what, const ModelScore& score) {
  fmt::print("{}: {} samples\n", what, score.samples);
  size_t width = 10;
  for (const MetricValue& value : score.values) width = std::max(width, value.name.size());
  for (const MetricValue& value : score.values)
    fmt::print("  {:<{}}  {:.6g}\n", value.name, width, value.value);
  if (!score.confusion.empty() && score.confusion.size() <= kWidestConfusion)
    print_confusion(score);
}

void print_json(const ModelScore& score) {
  nlohmann::ordered_json json = {{"samples", score.samples}};
  for (const MetricValue& value : score.values) json[value.name] = value.value;
  if (!score.confusion.empty()) json["confusion"] = score.confusion;
  if (!score.class_names.empty()) json["classes"] = score.class_names;
  fmt::print("{}\n", json.dump(2));
}

}  // namespace

int command_eval(const Args& args) {
  if (args.empty() || std::ranges::count(args, "--help") + std::ranges::count(args, "-h") > 0) {
    fmt::print("{}",
               format_help("trireme eval RUN|CHECKPOINT|EXPORT [--data.key=value ...]",
                           "Loss and metrics on the validation data of the experiment. Other data: "
                           "--data.validation=FILE.",
                           kOptions));
    return static_cast<int>(args.empty() ? ExitCode::config : ExitCode::done);
  }
  const Options options(args, kOptions);
  const std::string format = options.value("--output").value_or("table");
  if (options.positional().size() != 1)
    throw ConfigError(fmt::format("trireme eval takes one run, checkpoint or export, {} were given",
                                  options.positional().size()),
                      "`trireme eval --help` shows the form");
  if (format != "table" && format != "json")
    throw ConfigError(fmt::format("trireme eval: --output is {}", format), "table or json");
  const std::string what = options.positional()[0];
  const LoadedModel model = load(what);
  const Experiment experiment =
      parse_experiment(model.config, what, with_files_only(options.overrides()));
  const auto data = open_evaluation_data(experiment, model.preprocessing);
  if (!data)
    throw ConfigError(fmt::format("{}: the experiment has no validation data", what),
                      "set data.validation or data.validation_split");
  const ModelScore score = score_model(model, experiment, *data);
  if (format == "json")
    print_json(score);
  else
    print_table(what, score);
  return static_cast<int>(ExitCode::done);
}

}  // namespace trireme
