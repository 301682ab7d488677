#include "model/metrics/read.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace trireme {
namespace {

struct MetricRule {
  std::string op;
  bool classes;                                   // needs class labels, else real values
  std::string option;                             // the one it may have
  std::unique_ptr<Metric> (*binary)() = nullptr;  // makes one that needs two classes
};

const std::vector<MetricRule>& rules() {
  static const std::vector<MetricRule> all = {
      {"accuracy", true, ""},
      {"top_k", true, "k"},
      {"precision", true, "average"},
      {"recall", true, "average"},
      {"f1", true, "average"},
      {"confusion_matrix", true, ""},
      {"mse", false, ""},
      {"mae", false, ""},
      {"r2", false, ""},
      {"auc", true, "", make_auc},
      {"log_loss", true, "", make_log_loss},
      {"normalized_entropy", true, "", make_normalized_entropy},
      {"calibration", true, "", make_calibration}};
  return all;
}

const MetricRule* find_rule(const LayerLine& line, Problems& problems) {
  std::vector<std::string> known;
  for (const auto& rule : rules()) {
    if (rule.op == line.op) return &rule;
    known.push_back(rule.op);
  }
  problems.add(line, "unknown metric " + line.op, did_you_mean(line.op, known));
  return nullptr;
}

// The value of the rule's option, `fallback` if the line does not have it.
std::string option_of(const LayerLine& line, const MetricRule& rule, const std::string& fallback,
                      Problems& problems) {
  std::string value = fallback;
  const std::vector<std::string> known =
      rule.option.empty() ? std::vector<std::string>{} : std::vector{rule.option};
  for (const auto& [key, text] : line.options) {
    if (!rule.option.empty() && key == rule.option)
      value = text;
    else
      problems.add(line, fmt::format("{} has no option {}", rule.op, key),
                   did_you_mean(key, known));
  }
  return value;
}

std::unique_ptr<Metric> read_top_k(const LayerLine& line, const std::string& text,
                                   const DataShape& data, Problems& problems) {
  const auto k = parse_int(text);
  if (k && *k >= 1 && *k <= data.classes) return make_top_k(*k);
  problems.add(line,
               fmt::format("k={} is not an integer from 1 to the {} classes", text, data.classes));
  return nullptr;
}

std::unique_ptr<Metric> read_score(const LayerLine& line, const std::string& text,
                                   const std::vector<std::string>& class_names,
                                   Problems& problems) {
  const Score score = line.op == "precision" ? Score::precision
                      : line.op == "recall"  ? Score::recall
                                             : Score::f1;
  if (text == "macro") return make_class_score(score, Average::macro, class_names);
  if (text == "micro") return make_class_score(score, Average::micro, class_names);
  if (text == "none") return make_class_score(score, Average::none, class_names);
  problems.add(line, fmt::format("average={} is not one of macro, micro, none", text));
  return nullptr;
}

bool fits(const LayerLine& line, const MetricRule& rule, const DataShape& data,
          Problems& problems) {
  if (!line.name.empty() || !line.from.empty() || !line.target.empty()) {
    problems.add(line, "a metric reads the model's output and the data's target",
                 "write metric = " + line.op);
    return false;
  }
  if (rule.classes && data.classes == 0)
    problems.add(line, rule.op + " needs class labels, but the data has real values",
                 "set data.target = class");
  else if (!rule.classes && data.classes > 0)
    problems.add(line,
                 fmt::format("{} needs real values, but the data has labels of {} classes", rule.op,
                             data.classes),
                 "set data.target = value");
  else if (rule.binary && data.classes != 2)
    problems.add(line,
                 fmt::format("{} is of two classes, but the data has {}", rule.op, data.classes));
  return rule.classes == (data.classes > 0) && (!rule.binary || data.classes == 2);
}

}  // namespace

std::unique_ptr<Metric> read_metric(const LayerLine& line, const DataShape& data,
                                    const std::vector<std::string>& class_names,
                                    Problems& problems) {
  const MetricRule* rule = find_rule(line, problems);
  if (!rule || !fits(line, *rule, data, problems)) return nullptr;
  const std::string option = option_of(line, *rule, rule->op == "top_k" ? "5" : "macro", problems);
  if (rule->binary) return rule->binary();
  if (rule->op == "accuracy") return make_accuracy();
  if (rule->op == "top_k") return read_top_k(line, option, data, problems);
  if (rule->op == "confusion_matrix") return make_confusion(data.classes);
  if (rule->op == "mse") return make_mse();
  if (rule->op == "mae") return make_mae();
  if (rule->op == "r2") return make_r2(data.target_width);
  return read_score(line, option, class_names, problems);
}

}  // namespace trireme
