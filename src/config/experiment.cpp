#include "config/experiment.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "config/keys.h"
#include "config/reader.h"

namespace trireme {

namespace {

using config::Field;
using config::Token;

// NAME.key of [model], in the order they were given. They join the declared fields.
std::vector<std::string> add_layer_keys(const std::vector<Token>& tokens,
                                        std::vector<Field>& fields) {
  std::vector<std::string> keys;
  for (const Token& token : tokens) {
    const bool known = std::find(keys.begin(), keys.end(), token.key) != keys.end();
    if (known || !config::is_layer_key(token)) continue;
    keys.push_back(token.key);
    Field field;
    field.section = token.section;
    field.key = token.key;
    fields.push_back(field);
  }
  return keys;
}

}  // namespace

Experiment parse_experiment(const std::string& text, const std::string& file,
                            const std::vector<std::string>& overrides) {
  config::ErrorList errors;
  auto fields = config::declared_fields();
  const auto in_file = known_tokens(tokenize(text, file, errors), fields, errors);
  const auto on_line = known_tokens(config::tokenize_overrides(overrides, errors), fields, errors);

  auto all = in_file;
  all.insert(all.end(), on_line.begin(), on_line.end());
  const auto layer_keys = add_layer_keys(all, fields);
  config::Values values(fields);
  values.store(on_line);  // the source stored first wins
  values.store(in_file);

  const auto folder = std::filesystem::absolute(file).parent_path();
  config::Reading reading{values, file, folder.string(), std::move(errors), {}, {}};
  Experiment experiment = read_sections(reading, layer_keys);
  reading.errors.throw_if_any();
  experiment.resolved = std::move(reading.resolved);
  return experiment;
}

Experiment load_experiment(const std::string& file, const std::vector<std::string>& overrides) {
  std::string text;
  try {
    text = read_text(file);
  } catch (const DataError& error) {
    throw ConfigError(error.what(), error.hint());  // a bad experiment file is exit code 2, not 3
  }
  return parse_experiment(text, file, overrides);
}

std::string Experiment::to_ini(bool with_origins) const {
  constexpr size_t kOriginColumn = 48;
  std::string text, section;
  for (const ResolvedKey& key : resolved) {
    if (key.section != section) {
      text += (section.empty() ? "[" : "\n[") + key.section + "]\n";
      section = key.section;
    }
    std::string line = key.key + " =" + (key.value.empty() ? "" : " ") + key.value;
    if (with_origins) {
      line.resize(std::max(line.size(), kOriginColumn), ' ');
      line += "  # " + key.origin;
    }
    text += line + "\n";
  }
  return text;
}

}  // namespace trireme
