#include <fmt/format.h>

#include <map>
#include <set>

#include "base/text.h"
#include "model/build/lines.h"

namespace trireme {
namespace {

std::vector<LayerLine*> named_lines(ModelConfig& model) {
  std::vector<LayerLine*> lines;
  for (auto* list : {&model.inputs, &model.layers, &model.losses})
    for (auto& line : *list) lines.push_back(&line);
  return lines;
}

void override_line(LayerLine& line, const std::string& key, const std::string& value) {
  if (key == "from") {
    line.from = split(value, ',');
    return;
  }
  if (key == "target") {
    line.target = value;
    return;
  }
  for (auto& option : line.options) {
    if (option.first != key) continue;
    option.second = value;
    return;
  }
  line.options.emplace_back(key, value);
}

}  // namespace

void name_lines(ModelConfig& model) {
  std::set<std::string> taken;
  for (const auto* line : named_lines(model)) taken.insert(line->name);
  for (auto& input : model.inputs)
    if (input.name.empty()) input.name = &input == ids_line(model) ? "ids" : "input";
  std::map<std::string, int> count;
  for (auto& layer : model.layers) {
    while (layer.name.empty()) {
      const std::string name = fmt::format("{}_{}", layer.op, ++count[layer.op]);
      if (!taken.contains(name)) layer.name = name;
    }
  }
  for (size_t i = 0; i < model.losses.size(); ++i)
    if (model.losses[i].name.empty())
      model.losses[i].name = i == 0 ? "loss" : fmt::format("loss_{}", i + 1);
}

void apply_overrides(ModelConfig& model, Problems& problems) {
  std::vector<std::string> names;
  for (const auto* line : named_lines(model)) names.push_back(line->name);
  for (const auto& [name, options] : model.overrides) {
    bool found = false;
    for (auto* line : named_lines(model)) {
      if (line->name != name) continue;
      found = true;
      for (const auto& [key, value] : options) override_line(*line, key, value);
    }
    if (!found) problems.add("model." + name, "no layer has this name", did_you_mean(name, names));
  }
  model.overrides.clear();
}

}  // namespace trireme
