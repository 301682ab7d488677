// The declared keys as text for a terminal and as JSON for editors.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "config/describe.h"
#include "config/experiment.h"
#include "config/reader.h"

namespace trireme {

namespace {

using config::Field;

constexpr size_t kWidth = 100;
constexpr size_t kIndent = 6;

// Words of `text` in lines of at most kWidth, each after kIndent blanks.
std::string wrapped(const std::string& text) {
  std::string lines, line;
  const auto end_line = [&] {
    if (!line.empty()) lines += std::string(kIndent, ' ') + line + "\n";
    line.clear();
  };
  for (const std::string& word : split(text, ' ')) {
    if (!line.empty() && kIndent + line.size() + 1 + word.size() > kWidth) end_line();
    line += (line.empty() ? "" : " ") + word;
  }
  end_line();
  return lines;
}

std::string entry(const Field& field) {
  std::string facts = config::type_name(field.type) + ", " + config::default_words(field);
  if (const auto range = config::range_words(field); !range.empty()) facts += "; " + range;
  if (const auto used = config::used_by_words(field); !used.empty()) {
    facts += "; only for " + used;
  }
  return "  " + field.key + "\n" + wrapped(field.help) + wrapped("(" + facts + ")");
}

nlohmann::ordered_json as_json(const Field& field) {
  nlohmann::ordered_json json = {{"section", field.section},
                                 {"key", field.key},
                                 {"type", config::type_name(field.type)},
                                 {"default", field.default_text},
                                 {"required", field.required},
                                 {"repeats", field.repeats}};
  for (const auto& [choice, text] : field.other_defaults) json["default_for"][choice] = text;
  if (field.limits) json["range"] = {{"min", field.limits->min}, {"max", field.limits->max}};
  if (!field.unit.empty()) json["unit"] = field.unit;
  if (!field.choices.empty()) json["choices"] = field.choices;
  json["help"] = field.help;
  if (field.used_by) {
    json["used_by"] = {{"key", field.used_by->selector}, {"values", field.used_by->values}};
  }
  return json;
}

}  // namespace

std::string schema_text() {
  std::string text, section;
  for (const Field& field : config::declared_fields()) {
    if (field.section != section) {
      section = field.section;
      text += (text.empty() ? "[" : "\n[") + section + "]\n";
    }
    text += entry(field);
  }
  return text;
}

std::string schema_json() {
  auto keys = nlohmann::ordered_json::array();
  for (const Field& field : config::declared_fields()) keys.push_back(as_json(field));
  return nlohmann::ordered_json{{"keys", keys}}.dump(2) + "\n";
}

}  // namespace trireme
