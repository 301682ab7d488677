#include "model/ops/attribute_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace trireme {

std::string to_text(const Attribute& value) {
  return std::visit(
      [](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string> || std::is_arithmetic_v<T>)
          return fmt::format("{}", v);
        else
          return fmt::format("{}", fmt::join(v, ","));
      },
      value);
}

Attribute to_attribute(const Pair& pair) { return std::vector<int64_t>{pair[0], pair[1]}; }

std::string to_text(const Pair& pair) {
  return pair[0] == pair[1] ? fmt::format("{}", pair[0]) : fmt::format("{}x{}", pair[0], pair[1]);
}

const Attribute* AttributeReader::find(std::string_view name) {
  asked_.emplace_back(name);
  for (const auto& [key, value] : attributes_)
    if (key == name) return &value;
  return nullptr;
}

void AttributeReader::missing(std::string_view name) const {
  throw ConfigError(fmt::format("{}: {} is missing", kind_, name), fmt::format("add {}=", name));
}

void AttributeReader::wrong(std::string_view name, const Attribute& value,
                            std::string_view expected) const {
  throw ConfigError(
      fmt::format("{}: {} is {}, expected {}", kind_, name, to_text(value), expected));
}

int64_t AttributeReader::integer(std::string_view name, std::optional<int64_t> fallback,
                                 int64_t min) {
  const Attribute* value = find(name);
  if (!value && !fallback) missing(name);
  if (!value) return *fallback;
  const int64_t* number = std::get_if<int64_t>(value);
  if (!number || *number < min) wrong(name, *value, fmt::format("an integer >= {}", min));
  return *number;
}

bool AttributeReader::flag(std::string_view name, bool fallback) {
  const Attribute* value = find(name);
  if (!value) return fallback;
  const int64_t* number = std::get_if<int64_t>(value);
  if (!number || (*number != 0 && *number != 1)) wrong(name, *value, "0 or 1");
  return *number == 1;
}

double AttributeReader::number(std::string_view name, std::optional<double> fallback) {
  const Attribute* value = find(name);
  if (!value && !fallback) missing(name);
  if (!value) return *fallback;
  if (const auto* whole = std::get_if<int64_t>(value)) return static_cast<double>(*whole);
  const double* number = std::get_if<double>(value);
  if (!number) wrong(name, *value, "a number");
  return *number;
}

std::string AttributeReader::text(std::string_view name, std::optional<std::string> fallback) {
  const Attribute* value = find(name);
  if (!value && !fallback) missing(name);
  if (!value) return *fallback;
  const auto* text = std::get_if<std::string>(value);
  if (!text) wrong(name, *value, "a text");
  return *text;
}

std::string AttributeReader::choice(std::string_view name, std::optional<std::string> fallback,
                                    std::initializer_list<std::string_view> choices) {
  std::string chosen = text(name, std::move(fallback));
  if (std::find(choices.begin(), choices.end(), chosen) == choices.end())
    wrong(name, chosen, fmt::format("one of {}", fmt::join(choices, ", ")));
  return chosen;
}

Pair AttributeReader::pair(std::string_view name, std::optional<Pair> fallback, int64_t min) {
  const Attribute* value = find(name);
  if (!value && !fallback) missing(name);
  if (!value) return *fallback;
  std::vector<int64_t> numbers;
  if (const auto* whole = std::get_if<int64_t>(value)) {
    numbers = {*whole};
  } else if (const auto* list = std::get_if<std::vector<int64_t>>(value)) {
    numbers = *list;
  } else if (const auto* text = std::get_if<std::string>(value)) {
    for (const std::string& part : split(*text, 'x'))
      numbers.push_back(parse_int(part).value_or(min - 1));
  }
  const bool fits =
      (numbers.size() == 1 || numbers.size() == 2) &&
      std::all_of(numbers.begin(), numbers.end(), [&](int64_t n) { return n >= min; });
  if (!fits) wrong(name, *value, fmt::format("one or two integers >= {}, as in 3 or 3x5", min));
  return {numbers.front(), numbers.back()};
}

bool AttributeReader::is_text(std::string_view name, std::string_view value) {
  const Attribute* found = find(name);
  const auto* text = found ? std::get_if<std::string>(found) : nullptr;
  return text && *text == value;
}

std::vector<int64_t> AttributeReader::integers(std::string_view name) {
  const Attribute* value = find(name);
  if (!value) missing(name);
  if (const auto* whole = std::get_if<int64_t>(value)) return {*whole};
  const auto* list = std::get_if<std::vector<int64_t>>(value);
  if (!list) wrong(name, *value, "a list of integers");
  return *list;
}

std::vector<double> AttributeReader::numbers(std::string_view name) {
  const Attribute* value = find(name);
  if (!value) return {};
  if (const auto* whole = std::get_if<std::vector<int64_t>>(value))
    return {whole->begin(), whole->end()};
  const auto* list = std::get_if<std::vector<double>>(value);
  if (!list) wrong(name, *value, "a list of numbers");
  return *list;
}

void AttributeReader::finish() const {
  for (const auto& [key, value] : attributes_) {
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
    const auto near = nearest(key, asked_);
    throw ConfigError(fmt::format("{}: unknown attribute {}", kind_, key),
                      near ? fmt::format("did you mean {}?", *near) : std::string());
  }
}

}  // namespace trireme
