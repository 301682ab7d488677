#pragma once
// The command line's shape, alike for all subcommands: positional words, --flags declared by the
// command, and --section.key=value overrides of the experiment.

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace trireme {

struct OptionSpec {
  std::string name;        // "--out"
  std::string value_name;  // "DIR"; empty: a switch
  std::string help;
};

class Options {
 public:
  // Throws ConfigError for an unknown option (with the nearest known one) or a missing value.
  // `--name value` and `--name=value` are both accepted. A dotted name is an override, unless a
  // spec has its section.
  Options(const std::vector<std::string>& args, const std::vector<OptionSpec>& specs);
  bool has(const std::string& name) const;
  std::optional<std::string> value(const std::string& name) const;
  const std::vector<std::string>& positional() const { return positional_; }
  const std::vector<std::string>& overrides() const { return overrides_; }  // "section.key=value"

 private:
  std::map<std::string, std::string> values_;
  std::vector<std::string> positional_, overrides_;
};

// The one positional word of `trireme COMMAND EXPERIMENT.ini`. Throws ConfigError for none or more.
const std::string& experiment_file(const Options& options, const std::string& command);

// "Usage: ..." followed by the options, for --help.
std::string format_help(const std::string& usage, const std::string& summary,
                        const std::vector<OptionSpec>& specs, const std::string& notes = {});

}  // namespace trireme
