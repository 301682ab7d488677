#include "model/presets/options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "model/build/problems.h"

namespace trireme {
namespace {

// What is wrong with `value`; empty: nothing.
std::string fault(const PresetKey& key, const std::string& value) {
  const auto outside = [&](double v) { return key.min < key.max && (v < key.min || v > key.max); };
  const std::string range = fmt::format(" from {} to {}", key.min, key.max);
  switch (key.type) {
    case PresetKeyType::integer: {
      const auto v = parse_int(value);
      return v && !outside(static_cast<double>(*v)) ? "" : "an integer" + range;
    }
    case PresetKeyType::number: {
      const auto v = parse_double(value);
      return v && !outside(*v) ? "" : "a number" + range;
    }
    case PresetKeyType::boolean:
      return value == "true" || value == "false" ? "" : "true or false";
    case PresetKeyType::text: {
      const bool known =
          std::find(key.choices.begin(), key.choices.end(), value) != key.choices.end();
      return key.choices.empty() || known ? "" : "one of " + join(key.choices, ", ");
    }
  }
  return "";
}

}  // namespace

PresetOptions::PresetOptions(const Preset& preset, const ModelConfig& model)
    : preset_(preset.name) {
  Problems problems;
  std::vector<std::string> known;
  for (const auto& key : preset.keys) {
    known.push_back(key.name);
    values_.emplace_back(key.name, key.default_value);
  }
  for (const auto& [name, value] : model.preset_options) {
    const auto at = std::find(known.begin(), known.end(), name);
    if (at == known.end()) {
      problems.add("preset " + preset_, "unknown key " + name, did_you_mean(name, known));
      continue;
    }
    const auto index = static_cast<size_t>(at - known.begin());
    const std::string expected = fault(preset.keys[index], value);
    if (expected.empty())
      values_[index].second = value;
    else
      problems.add("preset " + preset_, fmt::format("{} = {} is not {}", name, value, expected));
  }
  problems.throw_if_any();
}

const std::string& PresetOptions::text(std::string_view key) const {
  for (const auto& [name, value] : values_)
    if (name == key) return value;
  throw ConfigError(fmt::format("preset {} declares no key {}", preset_, key));
}

int64_t PresetOptions::integer(std::string_view key) const { return parse_int(text(key)).value(); }
double PresetOptions::number(std::string_view key) const { return parse_double(text(key)).value(); }
bool PresetOptions::boolean(std::string_view key) const { return text(key) == "true"; }

std::vector<int64_t> PresetOptions::widths(std::string_view key) const {
  std::vector<int64_t> widths;
  if (trim(text(key)).empty()) return widths;
  for (const auto& part : split(text(key), ',')) {
    const auto width = parse_int(trim(part));
    if (!width || *width < 1)
      throw ConfigError(fmt::format("preset {}: {} = {} has {}, which is not a width", preset_, key,
                                    text(key), part.empty() ? "an empty part" : part),
                        "integers >= 1, comma-separated, as 128,64");
    widths.push_back(*width);
  }
  return widths;
}

}  // namespace trireme
