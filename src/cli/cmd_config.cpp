#include <cstdio>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "config/experiment.h"
#include "export/data_shape.h"
#include "model/summary.h"

namespace trireme {

namespace {

const std::vector<OptionSpec> kOptions = {
    {"--layers", "", "read the data and print the model: layers, shapes, parameters, work"},
    {"--schema", "", "print every key with type, default, range, unit and help"},
    {"--json", "", "the schema as JSON, for editors"},
    {"--markdown", "", "the schema as Markdown (docs/experiment-file.md)"}};

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

std::string help() {
  return format_help(
      "trireme config EXPERIMENT.ini [--layers] [--section.key=value ...]\n"
      "       trireme config --schema [--json | --markdown]",
      "Prints the resolved experiment, each value with its origin; or the schema.", kOptions,
      "The printed experiment reads back to the same experiment.");
}

int print_schema(const Options& options) {
  if (options.has("--json") && options.has("--markdown")) {
    throw ConfigError("--json and --markdown exclude each other");
  }
  if (!options.positional().empty() || !options.overrides().empty()) {
    throw ConfigError("--schema takes no experiment: it is the same for all",
                      "leave out --schema to see one experiment resolved");
  }
  print(options.has("--json")       ? schema_json()
        : options.has("--markdown") ? schema_markdown()
                                    : schema_text());
  return 0;
}

std::string layers_of(const Experiment& experiment) {
  const DataSets data = open_data(experiment.data, experiment.run.seed);
  return summary(*build_graph(experiment, data_shape_of(data.train->preprocessing().schema)));
}

}  // namespace

int command_config(const Args& args) {
  const Options options(args, kOptions);
  if (options.has("--help")) {
    print(help());
    return 0;
  }
  if (options.has("--schema")) return print_schema(options);
  if (options.has("--json") || options.has("--markdown")) {
    throw ConfigError("--json and --markdown go with --schema");
  }
  if (options.positional().size() != 1) {
    throw ConfigError("config needs one experiment file, but was given " +
                          std::to_string(options.positional().size()),
                      "trireme config EXPERIMENT.ini, or trireme config --schema");
  }
  const Experiment experiment = load_experiment(options.positional().front(), options.overrides());
  print(options.has("--layers") ? layers_of(experiment) : experiment.to_ini(true));
  return 0;
}

}  // namespace trireme
