#include "model/build/losses.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace trireme {
namespace {

enum class Needs { labels, values, either };

struct LossRule {
  std::string_view op;
  Needs needs;
  bool one_logit;            // two classes may have one output
  bool all_logits;           // one output per class
  std::string_view applies;  // the layer that the loss contains
};

constexpr LossRule kRules[] = {
    {"softmax_cross_entropy", Needs::labels, false, true, "softmax"},
    {"sigmoid_cross_entropy", Needs::either, true, false, "sigmoid"},
    {"hinge", Needs::labels, true, true, ""},
    {"mse", Needs::values, false, false, ""},
    {"mae", Needs::values, false, false, ""},
    {"huber", Needs::values, false, false, ""},
};

// "" when `width` outputs fit; else what would.
std::string wanted_width(const LossRule& rule, int64_t width, const DataShape& data) {
  if (data.classes == 0)
    return width == data.target_width ? "" : fmt::format("{} value(s)", data.target_width);
  const bool all = rule.all_logits && width == data.classes;
  const bool one = rule.one_logit && data.classes == 2 && width == 1;
  if (all || one) return "";
  if (!rule.one_logit || data.classes != 2) return fmt::format("{} classes", data.classes);
  return rule.all_logits ? "2 classes, which need 2 outputs or 1"
                         : "2 classes, which need 1 output";
}

bool check_target(const LayerLine& line, const LossRule& rule, const DataShape& data,
                  Problems& problems) {
  if (rule.needs == Needs::labels && data.classes == 0) {
    problems.add(line, fmt::format("{} needs class labels, but the data has real values", rule.op),
                 "set data.target = class, or use mse, mae or huber");
    return false;
  }
  if (rule.needs == Needs::values && data.classes > 0) {
    problems.add(line,
                 fmt::format("{} needs real values, but the data has labels of {} classes", rule.op,
                             data.classes),
                 "set data.target = value, or use softmax_cross_entropy");
    return false;
  }
  if (rule.op == "sigmoid_cross_entropy" && data.classes > 2) {
    problems.add(line,
                 fmt::format("sigmoid_cross_entropy tells two classes apart, but the data has {}",
                             data.classes),
                 "use softmax_cross_entropy");
    return false;
  }
  return true;
}

bool check_class_weights(const LayerLine& line, const DataShape& data, Problems& problems) {
  for (const auto& [key, value] : line.options) {
    if (key != "class_weights") continue;
    const auto count = static_cast<int64_t>(split(value, ',').size());
    if (count == data.classes) continue;
    problems.add(line,
                 fmt::format("class_weights has {} values, but the data has {} classes", count,
                             data.classes),
                 "one factor per class");
    return false;
  }
  return true;
}

}  // namespace

bool check_loss(const LayerLine& line, const Node& output, const DataShape& data,
                Problems& problems) {
  const auto rule = std::find_if(std::begin(kRules), std::end(kRules),
                                 [&](const LossRule& r) { return r.op == line.op; });
  if (rule == std::end(kRules)) return true;
  if (!check_target(line, *rule, data, problems) || !check_class_weights(line, data, problems))
    return false;
  if (output.op && !rule->applies.empty() && output.op->kind() == rule->applies) {
    problems.add(line,
                 fmt::format("{} applies {} itself, but {} did so before", rule->op, rule->applies,
                             output.name),
                 fmt::format("remove that {}: predictions apply it by themselves", rule->applies));
    return false;
  }
  const std::string wanted = wanted_width(*rule, output.shape.elements(), data);
  if (wanted.empty()) return true;
  problems.add(line,
               fmt::format("{} gives {} output(s) for each sample, but the data has {}",
                           output.name, output.shape.elements(), wanted),
               "set the units of the last dense layer");
  return false;
}

}  // namespace trireme
