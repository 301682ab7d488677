#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "model/build/problems.h"
#include "model/presets/presets.h"

namespace trireme {
namespace {

enum class Target { any, classes, values };
struct Entry {
  std::string_view name;
  void (*write)(const presets::Request&);
  Target target;
  bool image;
};

constexpr std::array kEntries = {
    Entry{"linear_regression", presets::linear_regression, Target::values, false},
    Entry{"logistic_regression", presets::logistic_regression, Target::classes, false},
    Entry{"svm", presets::svm, Target::classes, false},
    Entry{"mlp", presets::mlp, Target::any, false},
    Entry{"lenet5", presets::lenet5, Target::classes, true},
    Entry{"mnist_cnn", presets::mnist_cnn, Target::classes, true},
    Entry{"cifar_cnn", presets::cifar_cnn, Target::classes, true},
    Entry{"resnet20", presets::resnet20, Target::classes, true},
    Entry{"resnet18", presets::resnet18, Target::classes, true},
    Entry{"resnet50", presets::resnet50, Target::classes, true},
};

const Entry& entry_of(const std::string& name) {
  const auto it = std::find_if(kEntries.begin(), kEntries.end(),
                               [&](const Entry& e) { return e.name == name; });
  if (it != kEntries.end()) return *it;
  std::vector<std::string> known;
  for (const auto& entry : kEntries) known.emplace_back(entry.name);
  throw ConfigError(
      fmt::format("model.preset: unknown preset {} ({})", name, did_you_mean(name, known)));
}

void check_data(const Entry& entry, const ModelConfig& model, const DataShape& data) {
  Problems problems;
  const std::string where = fmt::format("preset {}", entry.name);
  if (entry.target == Target::classes && data.classes == 0)
    problems.add(where, "needs class labels, but the data has real values",
                 "set data.target = class");
  if (entry.target == Target::values && data.classes > 0)
    problems.add(
        where,
        fmt::format("needs real values, but the data has labels of {} classes", data.classes),
        "set data.target = value, or model.preset = logistic_regression");
  if (entry.image && model.inputs.empty() && data.input.rank() != 3)
    problems.add(
        where, fmt::format("needs images, but a sample of the data is {} values", data.input.str()),
        "set data.channels, data.height and data.width, or model.input = 1xHxW");
  problems.throw_if_any();
}

}  // namespace

ModelConfig expand_preset(const ModelConfig& model, const DataShape& data) {
  const Entry& entry = entry_of(model.preset);
  if (!model.layers.empty())
    throw ConfigError(
        fmt::format("{}: layer lines cannot stand beside model.preset = {}",
                    place(model.layers.front().file, model.layers.front().line), model.preset),
        "remove the preset or the layers; trireme config prints a preset as layers to start from");
  check_data(entry, model, data);
  const PresetOptions options(*find_preset(entry.name), model);
  PresetLines lines{std::string(entry.name)};
  entry.write({options, data, lines});

  ModelConfig out = model;
  out.preset.clear();
  out.preset_options.clear();
  out.layers = lines.lines().layers;
  if (out.losses.empty()) out.losses = lines.lines().losses;
  if (out.metrics.empty()) out.metrics = lines.lines().metrics;
  return out;
}

}  // namespace trireme
