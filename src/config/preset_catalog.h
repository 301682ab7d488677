#pragma once
// The presets' names and keys, as data: parsing, `trireme config --schema` and the docs read this;
// model/presets/ turns a preset into layers.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace trireme {

enum class PresetKeyType { integer, number, text, boolean };
struct PresetKey {
  std::string name;
  PresetKeyType type;
  std::string default_value;
  double min = 0, max = 0;  // numbers; equal: no range
  std::string unit, help;
  std::vector<std::string> choices;  // text; empty: any
};
struct Preset {
  std::string name, help;
  std::vector<PresetKey> keys;
};

std::span<const Preset> preset_catalog();
const Preset* find_preset(std::string_view name);  // nullptr: none

}  // namespace trireme
