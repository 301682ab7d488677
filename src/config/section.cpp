#include "config/section.h"

#include <algorithm>

#include "base/text.h"
#include "config/quote.h"

namespace trireme::config {

void Section::only_for(std::string selector, std::vector<std::string> values) {
  used_by_ = UsedBy{std::move(selector), std::move(values)};
}

Field Section::declare(const std::string& key, FieldType type, const std::string& help) const {
  Field field;
  field.section = name_;
  field.key = key;
  field.type = type;
  field.help = help;
  field.used_by = used_by_;
  return field;
}

// A selector without a valid value rules nothing out: its own error is enough.
bool Section::active(const Field& field) const {
  if (!field.used_by) return true;
  const auto selected = selectors_.find(field.used_by->selector);
  if (selected == selectors_.end()) return true;
  const auto& values = field.used_by->values;
  return std::find(values.begin(), values.end(), selected->second) != values.end();
}

// A file's key may fall out of use when the command line selects something else; then it is left
// out.
void Section::check_unused(const Field& field, const Token& token) {
  const UsedBy& used_by = *field.used_by;
  if (!token.place.command_line && place(used_by.selector).command_line) return;
  const std::string& selected = selectors_.at(used_by.selector);
  fail(token,
       "only used by " + used_by.selector + " = " + join(used_by.values, ", ") +
           (selected.empty() ? "; " + used_by.selector + " is not set" : ", not " + selected));
}

template <class T>
T Section::resolve(Field field, T fallback, const Convert<T>& convert,
                   const std::function<std::string(const T&)>& format) {
  const bool used = active(field);
  const auto check = [&](const Token& token) -> std::optional<T> {
    if (used) return convert(token);
    check_unused(field, token);
    return std::nullopt;
  };
  const auto winners = reading_.values.winners(field.name());
  for (const Token& token : reading_.values.losers(field.name())) check(token);
  T value = std::move(fallback);
  if (!winners.empty()) {
    if (auto given = check(winners.front())) value = std::move(*given);
  }
  if (used) {
    add_resolved(field.key, format(value),
                 winners.empty() ? default_origin_ : winners.front().place.str());
  }
  reading_.fields.push_back(std::move(field));
  return value;
}

template <class T>
T Section::resolve_number(Field field, T fallback) {
  const Field copy = field;
  return resolve<T>(
      std::move(field), fallback, [&](const Token& token) { return to_number<T>(token, copy); },
      [](const T& value) {
        if constexpr (std::is_same_v<T, double>)
          return number_text(value);
        else
          return std::to_string(value);
      });
}

int64_t Section::integer(const std::string& key, int64_t fallback, Limits limits,
                         const std::string& unit, const std::string& help) {
  Field field = declare(key, FieldType::integer, help);
  field.default_text = std::to_string(fallback);
  if (limits.min > kAny.min) field.limits = limits;
  field.unit = unit;
  return resolve_number<int64_t>(std::move(field), fallback);
}

double Section::number(const std::string& key, const Default<double>& fallback, Limits limits,
                       const std::string& unit, const std::string& help) {
  Field field = declare(key, FieldType::number, help);
  field.default_text = number_text(fallback.value);
  if (limits.min > kAny.min) field.limits = limits;
  field.unit = unit;
  double value = fallback.value;
  for (const auto& [choice, other] : fallback.others) {
    field.other_defaults.emplace_back(choice, number_text(other));
    const auto selected = selectors_.find("name");
    if (selected != selectors_.end() && selected->second == choice) value = other;
  }
  return resolve_number<double>(std::move(field), value);
}

bool Section::boolean(const std::string& key, bool fallback, const std::string& help) {
  const auto format = [](const bool& value) { return std::string(value ? "true" : "false"); };
  Field field = declare(key, FieldType::boolean, help);
  field.default_text = format(fallback);
  const auto convert = [this](const Token& token) { return to_boolean(token); };
  return resolve<bool>(std::move(field), fallback, convert, format);
}

namespace {

std::string as_is(const std::string& text) { return quote_if_needed(text); }
std::string as_element(const std::string& text) { return quote_if_needed(text, ","); }

}  // namespace

std::string Section::text(const std::string& key, const std::string& fallback,
                          const std::string& help) {
  Field field = declare(key, FieldType::text, help);
  field.default_text = fallback;
  return resolve<std::string>(
      std::move(field), fallback, [this](const Token& token) { return to_text(token); }, as_is);
}

std::string Section::choice(const std::string& key, const std::string& fallback,
                            const std::vector<std::string>& choices, const std::string& help) {
  Field field = declare(key, FieldType::text, help);
  field.default_text = fallback;
  field.choices = choices;
  bool valid = true;
  const auto convert = [&](const Token& token) {
    auto chosen = to_choice(token, choices);
    valid = valid && chosen;
    return chosen;
  };
  const bool used = active(field);
  const std::string value = resolve<std::string>(std::move(field), fallback, convert, as_is);
  if (valid && used) selectors_[key] = value;
  return value;
}

std::string Section::required_choice(const std::string& key,
                                     const std::vector<std::string>& choices,
                                     const std::string& help) {
  const std::string value = choice(key, "", choices, help);
  reading_.fields.back().required = true;
  if (!given(key)) {
    selectors_.erase(key);
    fail(key, "missing (one of " + join(choices, ", ") + ")");
  }
  return value;
}

std::string Section::path(const std::string& key, const std::string& fallback,
                          const std::string& help, PathBase base) {
  Field field = declare(key, FieldType::path, help);
  field.default_text = fallback;
  const auto convert = [&](const Token& token) -> std::optional<std::string> {
    const auto path = to_text(token);
    if (!path) return std::nullopt;
    return absolute(*path, !token.place.command_line, base);
  };
  return resolve<std::string>(std::move(field), absolute(fallback, true, base), convert, as_is);
}

std::vector<std::string> Section::paths(const std::string& key, const std::string& help) {
  const auto convert = [this](const Token& token) -> std::optional<std::string> {
    const auto path = to_text(token);
    if (!path) return std::nullopt;
    return absolute(*path, !token.place.command_line, PathBase::file);
  };
  return resolve_list<std::string>(declare(key, FieldType::paths, help), convert, as_element, ",");
}

std::vector<std::string> Section::list(const std::string& key, const std::string& help) {
  const auto convert = [this](const Token& token) { return to_text(token); };
  return resolve_list<std::string>(declare(key, FieldType::texts, help), convert, as_element, ",");
}

std::vector<std::string> Section::choices(const std::string& key,
                                          const std::vector<std::string>& choices,
                                          const std::string& help) {
  Field field = declare(key, FieldType::texts, help);
  field.choices = choices;
  const auto convert = [&](const Token& token) { return to_choice(token, choices); };
  return resolve_list<std::string>(std::move(field), convert, as_element, ",");
}

std::vector<double> Section::numbers(const std::string& key, Limits limits, const std::string& unit,
                                     const std::string& help) {
  Field field = declare(key, FieldType::numbers, help);
  if (limits.min > kAny.min) field.limits = limits;
  field.unit = unit;
  const auto convert = [this, copy = field](const Token& t) { return to_number<double>(t, copy); };
  return resolve_list<double>(std::move(field), convert, number_text, ",");
}

std::vector<int64_t> Section::integers(const std::string& key, Limits limits,
                                       const std::string& unit, const std::string& help) {
  Field field = declare(key, FieldType::integers, help);
  if (limits.min > kAny.min) field.limits = limits;
  field.unit = unit;
  const auto convert = [this, copy = field](const Token& t) { return to_number<int64_t>(t, copy); };
  const auto format = [](const int64_t& value) { return std::to_string(value); };
  return resolve_list<int64_t>(std::move(field), convert, format, ",x");
}

std::vector<SlotRuleConfig> Section::slot_rules(const std::string& key, const std::string& help) {
  const auto convert = [this](const Token& token) { return to_slot_rule(token); };
  const auto format = [](const SlotRuleConfig& rule) {
    return as_element(rule.pattern + ":" + number_text(rule.factor));
  };
  return resolve_list<SlotRuleConfig>(declare(key, FieldType::texts, help), convert, format, ",");
}

std::vector<Token> Section::lines(const std::string& key, const std::string& help) {
  Field field = declare(key, FieldType::line, help);
  field.repeats = true;
  const std::string name = field.name();
  reading_.fields.push_back(std::move(field));
  return reading_.values.winners(name);
}

std::string Section::layer_override(const std::string& key) {
  const auto convert = [this](const Token& token) { return to_text(token); };
  const auto value = resolve<std::string>(declare(key, FieldType::text, ""), "", convert, as_is);
  reading_.fields.pop_back();
  return value;
}

template <class T>
std::vector<T> Section::resolve_list(Field field, const Convert<T>& convert_element,
                                     const std::function<std::string(const T&)>& format_element,
                                     std::string_view separators) {
  const auto convert = [&](const Token& token) -> std::optional<std::vector<T>> {
    std::vector<T> elements;
    if (token.value.empty()) return elements;
    for (const std::string& part : split_outside_quotes(token.value, separators)) {
      Token element = token;
      element.value = part;
      if (part.empty()) {
        fail(token, "\"" + token.value + "\" has an empty element");
        return std::nullopt;
      }
      auto converted = convert_element(element);
      if (!converted) return std::nullopt;
      elements.push_back(std::move(*converted));
    }
    return elements;
  };
  const auto format = [&](const std::vector<T>& elements) {
    std::vector<std::string> texts;
    for (const T& element : elements) texts.push_back(format_element(element));
    return join(texts, ", ");
  };
  return resolve<std::vector<T>>(std::move(field), {}, convert, format);
}

}  // namespace trireme::config
