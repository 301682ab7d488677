#include "config/field.h"

#include <fmt/format.h>

#include <cmath>

namespace trireme::config {

std::string type_name(FieldType type) {
  switch (type) {
    case FieldType::integer:
      return "integer";
    case FieldType::number:
      return "number";
    case FieldType::boolean:
      return "boolean";
    case FieldType::text:
      return "text";
    case FieldType::path:
      return "path";
    case FieldType::texts:
      return "list of texts";
    case FieldType::paths:
      return "list of paths";
    case FieldType::numbers:
      return "list of numbers";
    case FieldType::integers:
      return "list of integers";
    case FieldType::line:
      return "line";
  }
  return {};
}

std::string number_text(double value) {
  std::string text = fmt::format("{}", value);
  const size_t exponent = text.find('e');
  if (exponent != std::string::npos) {  // 1e-08 -> 1e-8, 1e+20 -> 1e20
    size_t digit = exponent + 1;
    if (text[digit] == '+') text.erase(digit, 1);
    if (text[digit] == '-') ++digit;
    while (text[digit] == '0' && digit + 1 < text.size()) text.erase(digit, 1);
  }
  return text;
}

namespace {

std::string limit_text(double limit) {
  // Whole numbers in full: a limit of 16777216 is not 1.6777216e7.
  return std::abs(limit) < 1e15 && limit == std::floor(limit) ? fmt::format("{:.0f}", limit)
                                                              : number_text(limit);
}

}  // namespace

std::string describe(const Limits& limits, const std::string& unit) {
  std::string text = limits.max >= 1e15 ? "at least " + limit_text(limits.min)
                                        : limit_text(limits.min) + " to " + limit_text(limits.max);
  if (!unit.empty()) text += " " + unit;
  return text;
}

}  // namespace trireme::config
