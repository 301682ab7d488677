// How Section turns one token into a value: the checks behind every declaration.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/text.h"
#include "config/quote.h"
#include "config/section.h"

namespace trireme::config {

template <class T>
std::optional<T> Section::to_number(const Token& token, const Field& field) {
  constexpr bool kInteger = std::is_same_v<T, int64_t>;
  std::optional<T> value;
  if constexpr (kInteger) {
    value = parse_int(token.value);
  } else {
    value = parse_double(token.value);
    if (value && !std::isfinite(*value)) value.reset();
  }
  if (!value) {
    fail(token, "\"" + token.value + "\" is not " + (kInteger ? "an integer" : "a number"));
    return std::nullopt;
  }
  const auto as_double = static_cast<double>(*value);
  if (field.limits && (as_double < field.limits->min || as_double > field.limits->max)) {
    fail(token, token.value + " is out of range (" + describe(*field.limits, field.unit) + ")");
    return std::nullopt;
  }
  return value;
}
template std::optional<int64_t> Section::to_number(const Token&, const Field&);
template std::optional<double> Section::to_number(const Token&, const Field&);

std::optional<bool> Section::to_boolean(const Token& token) {
  const std::string& text = token.value;
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  fail(token, "\"" + text + "\" is not true or false");
  return std::nullopt;
}

std::optional<std::string> Section::to_text(const Token& token) {
  auto text = unquote(token.value);
  if (!text) fail(token, token.value + " has something after its closing quote");
  return text;
}

std::optional<std::string> Section::to_choice(const Token& token,
                                              const std::vector<std::string>& choices) {
  auto text = to_text(token);
  if (!text || std::find(choices.begin(), choices.end(), *text) != choices.end()) return text;
  auto named = choices;  // without "", which stands for "not set"
  std::erase(named, "");
  std::string what = "\"" + *text + "\" is not one of " + join(named, ", ");
  if (const auto near = nearest(*text, named)) what += " (did you mean " + *near + "?)";
  fail(token, what);
  return std::nullopt;
}

std::optional<SlotRuleConfig> Section::to_slot_rule(const Token& token) {
  const auto text = to_text(token);
  if (!text) return std::nullopt;
  const size_t colon = text->rfind(':');
  const std::string pattern(trim(text->substr(0, colon)));
  double factor = -1;
  if (colon != std::string::npos) factor = parse_double(trim(text->substr(colon + 1))).value_or(-1);
  if (!std::isfinite(factor) || factor < 0 || pattern.empty()) {
    fail(token, "\"" + *text + "\" is not PATTERN:FACTOR with a factor of at least 0");
    return std::nullopt;
  }
  return SlotRuleConfig{pattern, factor};
}

std::string Section::absolute(const std::string& path, bool in_file, PathBase base) const {
  if (path.empty()) return {};
  const bool from_file = in_file && base == PathBase::file;
  const std::filesystem::path folder =
      from_file ? std::filesystem::path(reading_.file_folder) : std::filesystem::current_path();
  const auto normal = (folder / path).lexically_normal();
  const bool ends_in_slash = !normal.has_filename() && normal.has_relative_path();
  return ends_in_slash ? normal.parent_path().string() : normal.string();
}

bool Section::given(const std::string& key) const {
  return !reading_.values.winners(name_ + "." + key).empty();
}

Place Section::place(const std::string& key) const {
  const auto winners = reading_.values.winners(name_ + "." + key);
  return winners.empty() ? Place{reading_.file} : winners.front().place;
}

void Section::fail(const std::string& key, const std::string& what) {
  reading_.errors.add(place(key), name_ + "." + key + ": " + what);
}

void Section::fail(const Token& token, const std::string& what) {
  reading_.errors.add(token.place, token.name() + ": " + what);
}

void Section::add_resolved(const std::string& key, std::string value, std::string origin) {
  reading_.resolved.push_back({name_, key, std::move(value), std::move(origin)});
}

}  // namespace trireme::config
