#include "cli/options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace trireme {

namespace {

const OptionSpec kHelp = {"--help", "", "print this"};

std::string unknown(const std::string& name, const std::vector<OptionSpec>& specs) {
  std::vector<std::string> known = {kHelp.name};
  for (const OptionSpec& spec : specs) known.push_back(spec.name);
  const auto near = nearest(name, known);
  return "unknown option " + name + (near ? " (did you mean " + *near + "?)" : "");
}

// --section.key[=value]: what is wrong with it, the experiment's reader says. A section that the
// command's own options have (--verify.steps) is not the experiment's.
bool is_override(const std::string& name, const std::vector<OptionSpec>& specs) {
  const size_t dot = name.find('.');
  if (!name.starts_with("--") || dot == std::string::npos) return false;
  const std::string section = name.substr(0, dot + 1);
  return std::none_of(specs.begin(), specs.end(),
                      [&](const OptionSpec& spec) { return spec.name.starts_with(section); });
}

constexpr size_t kColumns = 100;

// The words of `text` in lines of at most kColumns, each but the first after `indent` blanks, where
// the first begins too.
std::string wrapped(const std::string& text, size_t indent) {
  std::string result;
  size_t column = indent;
  for (const std::string& word : split(text, ' ')) {
    if (column > indent && column + 1 + word.size() > kColumns) {
      result.append("\n").append(indent, ' ');
      column = indent;
    } else if (column > indent) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
  }
  return result;
}

}  // namespace

Options::Options(const std::vector<std::string>& args, const std::vector<OptionSpec>& specs) {
  const std::string hint = "--help lists the options";
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string word = args[i] == "-h" ? kHelp.name : args[i];
    if (word == "--") {
      positional_.insert(positional_.end(), args.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                         args.end());
      return;
    }
    if (!word.starts_with('-') || word == "-") {
      positional_.push_back(word);
      continue;
    }
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const auto named = [&](const OptionSpec& spec) { return spec.name == name; };
    const auto spec = std::find_if(specs.begin(), specs.end(), named);
    if (spec == specs.end() && is_override(name, specs)) {
      overrides_.push_back(word.substr(2));
      continue;
    }
    if (spec == specs.end() && name != kHelp.name) throw ConfigError(unknown(name, specs), hint);
    const bool takes_value = spec != specs.end() && !spec->value_name.empty();
    std::string value;
    if (takes_value && equals == std::string::npos) {
      const std::string shown = name + " " + spec->value_name;
      if (i + 1 == args.size()) throw ConfigError(name + " needs a value: " + shown, hint);
      value = args[++i];
    } else if (takes_value) {
      value = word.substr(equals + 1);
    } else if (equals != std::string::npos) {
      throw ConfigError(name + " takes no value, but was given " + word.substr(equals + 1), hint);
    }
    if (!values_.emplace(name, value).second) throw ConfigError(name + " is given twice", hint);
  }
}

bool Options::has(const std::string& name) const { return values_.contains(name); }

std::optional<std::string> Options::value(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

const std::string& experiment_file(const Options& options, const std::string& command) {
  if (options.positional().size() != 1)
    throw ConfigError(fmt::format("{} takes one experiment file, {} were given", command,
                                  options.positional().size()),
                      fmt::format("`{} --help` shows the form", command));
  return options.positional()[0];
}

std::string format_help(const std::string& usage, const std::string& summary,
                        const std::vector<OptionSpec>& specs, const std::string& notes) {
  const auto shown = [](const OptionSpec& spec) {
    return spec.value_name.empty() ? spec.name : spec.name + " " + spec.value_name;
  };
  auto all = specs;
  std::erase_if(all, [](const OptionSpec& spec) { return spec.name == kHelp.name; });
  all.push_back(kHelp);
  size_t width = 0;
  for (const OptionSpec& spec : all) width = std::max(width, shown(spec).size());
  std::string text = "Usage: " + usage + "\n\n" + summary + "\n\nOptions:\n";
  for (const OptionSpec& spec : all) {
    text += fmt::format("  {:<{}}  {}\n", shown(spec), width, wrapped(spec.help, width + 4));
  }
  if (!notes.empty()) text += "\n" + notes + "\n";
  return text;
}

}  // namespace trireme
