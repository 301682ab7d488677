#include "model/build/options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace trireme {
namespace {

bool in_range(const OptionRule& rule, double value) {
  return !(rule.min < rule.max) || (value >= rule.min && value <= rule.max);
}

std::string range_text(const OptionRule& rule) {
  return rule.min < rule.max ? fmt::format(" from {} to {}", rule.min, rule.max) : "";
}

std::optional<Attribute> read_integer(const OptionRule& rule, const std::string& text) {
  const auto value = parse_int(text);
  if (!value || !in_range(rule, static_cast<double>(*value))) return std::nullopt;
  return *value;
}

std::optional<Attribute> read_number(const OptionRule& rule, const std::string& text) {
  const auto value = parse_double(text);
  if (!value || !in_range(rule, *value)) return std::nullopt;
  return *value;
}

std::optional<Attribute> read_extent(const OptionRule& rule, const std::string& text) {
  std::vector<int64_t> extents;
  for (const auto& part : split(text, 'x')) {
    const auto value = parse_int(part);
    if (!value || !in_range(rule, static_cast<double>(*value))) return std::nullopt;
    extents.push_back(*value);
  }
  if (extents.size() > 2) return std::nullopt;
  if (extents.size() == 1) extents.push_back(extents[0]);
  return extents;
}

std::optional<Attribute> read_numbers(const OptionRule& rule, const std::string& text) {
  std::vector<double> values;
  for (const auto& part : split(text, ',')) {
    const auto value = parse_double(trim(part));
    if (!value || !in_range(rule, *value)) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::optional<Attribute> read_value(const OptionRule& rule, const std::string& text) {
  switch (rule.type) {
    case OptionType::integer:
      return read_integer(rule, text);
    case OptionType::number:
      return read_number(rule, text);
    case OptionType::numbers:
      return read_numbers(rule, text);
    case OptionType::extent:
      return read_extent(rule, text);
    case OptionType::padding:
      return text == "same" ? std::optional<Attribute>(text) : read_extent(rule, text);
    case OptionType::boolean:
      if (text != "true" && text != "false") return std::nullopt;
      return int64_t{text == "true"};
    case OptionType::choice: {
      const bool known =
          std::find(rule.choices.begin(), rule.choices.end(), text) != rule.choices.end();
      return known ? std::optional<Attribute>(text) : std::nullopt;
    }
    case OptionType::shape: {
      const auto extents = parse_extents(text, true);
      return extents ? std::optional<Attribute>(*extents) : std::nullopt;
    }
    case OptionType::slot: {
      const size_t dot = text.rfind('.');
      const bool named = dot != std::string::npos && dot > 0 && dot + 1 < text.size();
      return named ? std::optional<Attribute>(text) : std::nullopt;
    }
    case OptionType::initializer:
      return text;  // the op knows the names
    case OptionType::text:
      return text.empty() ? std::nullopt : std::optional<Attribute>(text);
  }
  return std::nullopt;
}

std::string expected(const OptionRule& rule) {
  switch (rule.type) {
    case OptionType::integer:
      return "an integer" + range_text(rule);
    case OptionType::number:
      return "a number" + range_text(rule);
    case OptionType::boolean:
      return "true or false";
    case OptionType::choice:
      return "one of " + join(rule.choices, ", ");
    case OptionType::extent:
      return "an extent as 3 or 3x5," + range_text(rule);
    case OptionType::padding:
      return "same, or an extent as 1 or 1x2," + range_text(rule);
    case OptionType::shape:
      return "a shape as 16x7x7 (one part may be -1)";
    case OptionType::numbers:
      return "numbers as 0.5,1,2, each" + range_text(rule);
    case OptionType::slot:
      return "a parameter as NAME.weight";
    case OptionType::initializer:
      return "an initializer";
    case OptionType::text:
      return "a name";
  }
  return "";
}

// The line's value of `key`, or null. A key given twice is a problem.
const std::string* value_of(const LayerLine& line, const std::string& key, Problems& problems) {
  const std::string* found = nullptr;
  for (const auto& [name, value] : line.options) {
    if (name != key) continue;
    if (found)
      problems.add(line, fmt::format("option {} is set twice: {} and {}", key, *found, value));
    found = &value;
  }
  return found;
}

template <class T>
std::optional<T> take(Attributes& options, std::string_view key) {
  const auto it =
      std::find_if(options.begin(), options.end(), [&](const auto& o) { return o.first == key; });
  if (it == options.end()) return std::nullopt;
  T value = std::get<T>(it->second);
  options.erase(it);
  return value;
}

}  // namespace

std::optional<std::vector<int64_t>> parse_extents(std::string_view text, bool open) {
  std::vector<int64_t> extents;
  for (const auto& part : split(text, 'x')) {
    const auto value = parse_int(trim(part));
    if (!value || (*value < 1 && !(open && *value == -1))) return std::nullopt;
    extents.push_back(*value);
  }
  return extents;
}

Attributes read_options(const LayerLine& line, const LayerRule& rule, Problems& problems) {
  Attributes attributes;
  std::vector<std::string> known;
  for (const auto& option : rule.options) {
    known.push_back(option.key);
    const std::string* given = value_of(line, option.key, problems);
    if (!given && option.required)
      problems.add(line, fmt::format("{} needs {}=", rule.op, option.key), option.help);
    if (!given && option.default_value.empty()) continue;
    const std::string& text = given ? *given : option.default_value;
    if (auto value = read_value(option, text))
      attributes.emplace_back(option.key, *std::move(value));
    else
      problems.add(line, fmt::format("{}={} is not {}", option.key, text, expected(option)));
  }
  for (const auto& [key, value] : line.options)
    if (std::find(known.begin(), known.end(), key) == known.end())
      problems.add(line, fmt::format("{} has no option {}", rule.op, key),
                   did_you_mean(key, known));
  return attributes;
}

std::string take_text(Attributes& options, std::string_view key, std::string fallback) {
  return take<std::string>(options, key).value_or(std::move(fallback));
}
double take_number(Attributes& options, std::string_view key, double fallback) {
  return take<double>(options, key).value_or(fallback);
}
int64_t take_integer(Attributes& options, std::string_view key, int64_t fallback) {
  return take<int64_t>(options, key).value_or(fallback);
}

}  // namespace trireme
