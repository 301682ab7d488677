#include "config/describe.h"

#include "base/text.h"

namespace trireme::config {

std::string default_words(const Field& field) {
  if (field.required) return "required";
  if (field.repeats) return "repeatable";
  std::string words = field.default_text.empty() ? "empty" : field.default_text;
  if (field.other_defaults.empty()) return words;
  std::string others;
  for (size_t i = 0; i < field.other_defaults.size(); ++i) {
    const auto& [choice, text] = field.other_defaults[i];
    const bool last = i + 1 == field.other_defaults.size();
    others += choice;
    // Choices in a row with one default share it.
    const bool shared = !last && field.other_defaults[i + 1].second == text;
    others += shared ? ", " : ": " + text + (last ? "" : "; ");
  }
  return words + " (" + others + ")";
}

std::string range_words(const Field& field) {
  auto choices = field.choices;
  std::erase(choices, "");
  if (!choices.empty()) return join(choices, " | ");
  if (field.limits) return describe(*field.limits, field.unit);
  return field.unit;
}

std::string used_by_words(const Field& field) {
  if (!field.used_by) return {};
  return field.used_by->selector + " = " + join(field.used_by->values, ", ");
}

}  // namespace trireme::config
