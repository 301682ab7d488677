#include <algorithm>

#include "base/text.h"
#include "config/layer_line.h"
#include "config/preset_catalog.h"
#include "config/sections/sections.h"

namespace trireme::config {

namespace {

// Declares one key of a preset and returns its value as text.
std::string read_preset_key(Section& s, const PresetKey& key) {
  const Limits limits = key.min < key.max ? Limits{key.min, key.max} : kAny;
  switch (key.type) {
    case PresetKeyType::integer: {
      const auto fallback = parse_int(key.default_value).value_or(0);
      return std::to_string(s.integer(key.name, fallback, limits, key.unit, key.help));
    }
    case PresetKeyType::number: {
      const auto fallback = parse_double(key.default_value).value_or(0);
      return number_text(s.number(key.name, fallback, limits, key.unit, key.help));
    }
    case PresetKeyType::boolean:
      return s.boolean(key.name, key.default_value == "true", key.help) ? "true" : "false";
    default:
      return key.choices.empty() ? s.text(key.name, key.default_value, key.help)
                                 : s.choice(key.name, key.default_value, key.choices, key.help);
  }
}

struct SharedKey {  // presets share names, each with its own type and default
  const PresetKey* spec;
  std::vector<std::string> presets;
};

// The chosen preset's keys in its order, then those that only other presets have.
std::vector<SharedKey> shared_keys(const Preset* chosen) {
  std::vector<SharedKey> keys;
  const auto add = [&](const Preset& preset) {
    for (const PresetKey& key : preset.keys) {
      const auto same = [&](const SharedKey& known) { return known.spec->name == key.name; };
      auto known = std::find_if(keys.begin(), keys.end(), same);
      if (known == keys.end()) known = keys.insert(keys.end(), {&key, {}});
      known->presets.push_back(preset.name);
    }
  };
  if (chosen) add(*chosen);
  for (const Preset& preset : preset_catalog()) {
    if (&preset != chosen) add(preset);
  }
  return keys;
}

void read_preset(Section& s, ModelConfig& c) {
  std::vector<std::string> names = {""};
  for (const Preset& preset : preset_catalog()) names.push_back(preset.name);
  c.preset = s.choice("preset", "", names, "a ready-made model; empty: the layer lines below");
  const Preset* const chosen = find_preset(c.preset);
  s.set_default_origin("preset " + c.preset);
  for (const SharedKey& key : shared_keys(chosen)) {
    s.only_for("preset", key.presets);
    const std::string value = read_preset_key(s, *key.spec);
    const bool used =
        chosen && std::find(key.presets.begin(), key.presets.end(), c.preset) != key.presets.end();
    if (used) c.preset_options.emplace_back(key.spec->name, value);
  }
  s.for_all();
  s.set_default_origin("default");
}

std::vector<LayerLine> read_lines(Section& s, const std::string& key, const std::string& help,
                                  ErrorList& errors) {
  const bool with_target = key == "loss" || key == "metric";
  std::vector<LayerLine> lines;
  for (const Token& token : s.lines(key, help)) {
    lines.push_back(parse_layer_line(token, with_target, errors));
    s.add_resolved(key, format_layer_line(lines.back()), token.place.str());
  }
  return lines;
}

void read_overrides(Section& s, const std::vector<std::string>& keys, ModelConfig& c) {
  for (const std::string& key : keys) {
    const size_t dot = key.rfind('.');
    const std::string value = s.layer_override(key);
    c.overrides[key.substr(0, dot)].emplace_back(key.substr(dot + 1), value);
  }
}

void check(Section& s, const ModelConfig& c) {
  if (!c.preset.empty() && !c.layers.empty()) {
    s.fail("preset", "conflicts with model.layer (" + s.place("layer").str() +
                         "): a model is a preset or a list of layers");
  }
  if (c.preset.empty() && c.layers.empty() && s.valid("preset")) {
    s.fail("preset", "missing (a model is a preset or a list of layer lines)");
  }
  if (!c.layers.empty() && c.losses.empty()) s.fail("loss", "missing (layers need a loss line)");
}

}  // namespace

ModelConfig read_model(Section& s, const std::vector<std::string>& layer_keys, ErrorList& errors) {
  ModelConfig c;
  read_preset(s, c);
  c.initializer = s.choice("initializer", "pytorch", {"pytorch", "keras"},
                           "whose initial values layers get that name none");
  c.init_from = s.path("init_from", "", "checkpoint, run or safetensors file to start from");
  c.inputs =
      read_lines(s, "input",
                 "[NAME:] SHAPE [dtype=int64]; several share out the columns of a flat sample; "
                 "default: what the data has",
                 errors);
  c.layers = read_lines(s, "layer", "[NAME:] OP [from=A[,B.PORT]] {KEY=VALUE}", errors);
  c.losses = read_lines(s, "loss", "OP [from=NAME] [target=FIELD] [weight=W]", errors);
  c.metrics = read_lines(s, "metric", "OP [from=NAME] [target=FIELD]", errors);
  read_overrides(s, layer_keys, c);
  check(s, c);
  return c;
}

}  // namespace trireme::config
