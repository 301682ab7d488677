#include "model/metrics/read.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace trireme {
namespace {

struct MetricRule {
  std::string op;
  bool classes;                                   // needs class labels, else real values
  std::vector<std::string> options = {};          // that it may have
  std::unique_ptr<Metric> (*binary)() = nullptr;  // makes one that needs two classes
  std::unique_ptr<Metric> (*ranking)(int64_t k, int64_t group_feature) = nullptr;  // the same
  bool two_classes() const { return binary || ranking; }
};

const std::vector<MetricRule>& rules() {
  static const std::vector<MetricRule> all = {
      {"accuracy", true},
      {"top_k", true, {"k"}},
      {"precision", true, {"average"}},
      {"recall", true, {"average"}},
      {"f1", true, {"average"}},
      {"confusion_matrix", true},
      {"mse", false},
      {"mae", false},
      {"r2", false},
      {"auc", true, {}, make_auc},
      {"log_loss", true, {}, make_log_loss},
      {"normalized_entropy", true, {}, make_normalized_entropy},
      {"calibration", true, {}, make_calibration},
      {"hit_rate", true, {"k", "group"}, nullptr, make_hit_rate},
      {"ndcg", true, {"k", "group"}, nullptr, make_ndcg}};
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

void check_options(const LayerLine& line, const MetricRule& rule, Problems& problems) {
  for (const auto& [key, text] : line.options)
    if (std::ranges::find(rule.options, key) == rule.options.end())
      problems.add(line, fmt::format("{} has no option {}", rule.op, key),
                   did_you_mean(key, rule.options));
}

std::string option_of(const LayerLine& line, std::string_view key, const std::string& fallback) {
  std::string value = fallback;
  for (const auto& [name, text] : line.options)
    if (name == key) value = text;
  return value;
}

std::unique_ptr<Metric> read_top_k(const LayerLine& line, const DataShape& data,
                                   Problems& problems) {
  const std::string text = option_of(line, "k", "5");
  const auto k = parse_int(text);
  if (k && *k >= 1 && *k <= data.classes) return make_top_k(*k);
  problems.add(line,
               fmt::format("k={} is not an integer from 1 to the {} classes", text, data.classes));
  return nullptr;
}

// group=FEATURE, by its name or number: the first id of it is the sample's group.
std::optional<int64_t> group_feature(const LayerLine& line, const DataShape& data,
                                     Problems& problems) {
  if (data.id_features == 0) {
    problems.add(line, line.op + " needs groups, but the data has no ids", "name them in data.ids");
    return std::nullopt;
  }
  const std::string text = option_of(line, "group", "0");
  const auto named = std::ranges::find(data.id_names, text);
  if (named != data.id_names.end()) return named - data.id_names.begin();
  const auto number = parse_int(text);
  if (number && *number >= 0 && *number < data.id_features) return number;
  problems.add(line,
               fmt::format("group={} is none of the {} features of ids", text, data.id_features),
               data.id_names.empty() ? fmt::format("numbers from 0 to {}", data.id_features - 1)
                                     : did_you_mean(text, data.id_names));
  return std::nullopt;
}

std::unique_ptr<Metric> read_ranking(const LayerLine& line, const MetricRule& rule,
                                     const DataShape& data, Problems& problems) {
  const std::string text = option_of(line, "k", "10");
  const auto k = parse_int(text);
  if (!k || *k < 1) problems.add(line, fmt::format("k={} is not an integer from 1", text));
  const auto feature = group_feature(line, data, problems);
  return k && *k >= 1 && feature ? rule.ranking(*k, *feature) : nullptr;
}

std::unique_ptr<Metric> read_score(const LayerLine& line,
                                   const std::vector<std::string>& class_names,
                                   Problems& problems) {
  const std::string text = option_of(line, "average", "macro");
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
  else if (rule.two_classes() && data.classes != 2)
    problems.add(line,
                 fmt::format("{} is of two classes, but the data has {}", rule.op, data.classes));
  return rule.classes == (data.classes > 0) && (!rule.two_classes() || data.classes == 2);
}

}  // namespace

std::unique_ptr<Metric> read_metric(const LayerLine& line, const DataShape& data,
                                    const std::vector<std::string>& class_names,
                                    Problems& problems) {
  const MetricRule* rule = find_rule(line, problems);
  if (!rule || !fits(line, *rule, data, problems)) return nullptr;
  check_options(line, *rule, problems);
  if (rule->ranking) return read_ranking(line, *rule, data, problems);
  if (rule->binary) return rule->binary();
  if (rule->op == "accuracy") return make_accuracy();
  if (rule->op == "top_k") return read_top_k(line, data, problems);
  if (rule->op == "confusion_matrix") return make_confusion(data.classes);
  if (rule->op == "mse") return make_mse();
  if (rule->op == "mae") return make_mae();
  if (rule->op == "r2") return make_r2(data.target_width);
  return read_score(line, class_names, problems);
}

}  // namespace trireme
