#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "model/build/problems.h"
#include "model/presets/presets.h"

namespace trireme {
namespace {

enum class Target { any, classes, two_classes, values };
enum class Reads {
  columns,
  images,
  ids,
  both
};  // both: ids, and dense columns where there are some
struct Entry {
  std::string_view name;
  void (*write)(const presets::Request&);
  Target target;
  Reads reads;
};

constexpr std::array kEntries = {
    Entry{"linear_regression", presets::linear_regression, Target::values, Reads::columns},
    Entry{"logistic_regression", presets::logistic_regression, Target::classes, Reads::columns},
    Entry{"svm", presets::svm, Target::classes, Reads::columns},
    Entry{"mlp", presets::mlp, Target::any, Reads::columns},
    Entry{"lenet5", presets::lenet5, Target::classes, Reads::images},
    Entry{"mnist_cnn", presets::mnist_cnn, Target::classes, Reads::images},
    Entry{"cifar_cnn", presets::cifar_cnn, Target::classes, Reads::images},
    Entry{"resnet20", presets::resnet20, Target::classes, Reads::images},
    Entry{"resnet18", presets::resnet18, Target::classes, Reads::images},
    Entry{"resnet50", presets::resnet50, Target::classes, Reads::images},
    Entry{"sparse_logistic", presets::sparse_logistic, Target::two_classes, Reads::ids},
    Entry{"wide_deep", presets::wide_deep, Target::two_classes, Reads::both},
    Entry{"deepfm", presets::deepfm, Target::two_classes, Reads::both},
    Entry{"dlrm", presets::dlrm, Target::two_classes, Reads::both},
    Entry{"matrix_factorization", presets::matrix_factorization, Target::any, Reads::ids},
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

bool reads_ids(const Entry& entry) {
  return entry.reads == Reads::ids || entry.reads == Reads::both;
}

void check_ids(const ModelConfig& model, const DataShape& data, const std::string& where,
               Problems& problems) {
  if (data.id_features == 0)
    problems.add(where, "needs ids, but the data has none", "name their columns in data.ids");
  if (data.image) problems.add(where, "reads ids and flat columns, but the data has images");
  for (const LayerLine& line : model.inputs)
    problems.add(line, "an input, but this preset declares its own", "remove this line");
}

// The preset's own input lines.
void add_inputs(const Entry& entry, const DataShape& data, PresetLines& lines) {
  if (!reads_ids(entry)) return;
  if (entry.reads == Reads::both && data.input.elements() > 0)
    lines.input("input", data.input.str());
  lines.input("ids", Shape{data.id_features, data.id_values}.str(), "dtype=int64");
}

void check_data(const Entry& entry, const ModelConfig& model, const DataShape& data) {
  Problems problems;
  const std::string where = fmt::format("preset {}", entry.name);
  const bool labels = entry.target == Target::classes || entry.target == Target::two_classes;
  if (labels && data.classes == 0)
    problems.add(where, "needs class labels, but the data has real values",
                 "set data.target = class");
  if (entry.target == Target::values && data.classes > 0)
    problems.add(
        where,
        fmt::format("needs real values, but the data has labels of {} classes", data.classes),
        "set data.target = value, or model.preset = logistic_regression");
  if (entry.target == Target::two_classes && data.classes > 0 && data.classes != 2)
    problems.add(where, fmt::format("is of two classes, but the data has {}", data.classes));
  if (entry.reads == Reads::images && model.inputs.empty() && data.input.rank() != 3)
    problems.add(
        where, fmt::format("needs images, but a sample of the data is {} values", data.input.str()),
        "set data.channels, data.height and data.width, or model.input = 1xHxW");
  if (reads_ids(entry)) check_ids(model, data, where, problems);
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
  add_inputs(entry, data, lines);
  entry.write({options, data, lines});

  ModelConfig out = model;
  out.preset.clear();
  out.preset_options.clear();
  if (reads_ids(entry)) out.inputs = lines.lines().inputs;
  out.layers = lines.lines().layers;
  if (out.losses.empty()) out.losses = lines.lines().losses;
  if (out.metrics.empty()) out.metrics = lines.lines().metrics;
  return out;
}

}  // namespace trireme
