#include "model/build/slot_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "config/key_place.h"
#include "model/build/problems.h"

namespace trireme {
namespace {

// The parameters' names as freeze() will give them; a shared weight has its owner's name only.
std::vector<std::string> slot_names(const Graph& graph) {
  std::vector<std::string> names;
  std::set<int> seen;
  for (const Node& node : graph.nodes()) {
    if (!node.op) continue;
    std::vector<InputInfo> inputs;
    for (const NodeId id : node.inputs)
      inputs.push_back({graph.node(id).shape, graph.node(id).channels_last});
    const auto specs = node.op->params(inputs);
    for (size_t i = 0; i < specs.size(); ++i)
      if (seen.insert(node.params[i]).second) names.push_back(node.name + "." + specs[i].suffix);
  }
  return names;
}

// The factor of the first pattern that matches.
float factor_of(const std::vector<SlotRuleConfig>& rules, const std::string& name) {
  for (const auto& rule : rules)
    if (glob_match(rule.pattern, name)) return static_cast<float>(rule.factor);
  return 1;
}

void require_match(const std::string& where, const std::string& pattern,
                   const std::vector<std::string>& names, Problems& problems) {
  const auto matches = [&](const std::string& name) { return glob_match(pattern, name); };
  if (std::any_of(names.begin(), names.end(), matches)) return;
  problems.add(where, fmt::format("{} matches no parameter", pattern),
               did_you_mean(pattern, names));
}

}  // namespace

std::vector<Graph::SlotRule> slot_rules(const Graph& graph, const Experiment& experiment,
                                        std::span<const std::string> fixed) {
  const OptimizerConfig& optimizer = experiment.optimizer;
  const TrainConfig& train = experiment.train;
  const std::vector<std::string> names = slot_names(graph);
  Problems problems;
  const auto require = [&](const char* section, const char* key, const std::string& pattern) {
    require_match(key_place(experiment, section, key), pattern, names, problems);
  };
  for (const auto& rule : optimizer.lr_scale) require("optimizer", "lr_scale", rule.pattern);
  for (const auto& rule : optimizer.decay_scale) require("optimizer", "decay_scale", rule.pattern);
  for (const auto& pattern : train.freeze) require("train", "freeze", pattern);
  problems.throw_if_any();

  std::vector<Graph::SlotRule> rules;
  for (const auto& name : names) {
    Graph::SlotRule rule{name, factor_of(optimizer.lr_scale, name),
                         factor_of(optimizer.decay_scale, name),
                         std::ranges::find(fixed, name) != fixed.end()};
    for (const auto& pattern : train.freeze) rule.freeze = rule.freeze || glob_match(pattern, name);
    if (rule.lr_scale != 1 || rule.decay_scale != 1 || rule.freeze) rules.push_back(rule);
  }
  return rules;
}

}  // namespace trireme
