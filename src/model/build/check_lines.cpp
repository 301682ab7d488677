#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/build/layer_table.h"
#include "model/build/lines.h"
#include "model/build/options.h"

namespace trireme {
namespace {

class Checker {
 public:
  Checker(const ModelConfig& model, Problems& problems) : model_(model), problems_(problems) {}

  void run() {
    add_inputs();
    for (const auto& layer : model_.layers) {
      check(layer, false);
      if (std::find(known_.begin(), known_.end(), layer.name) != known_.end())
        problems_.add(layer, "another line has this name", "names are unique");
      known_.push_back(layer.name);
    }
    for (const auto& loss : model_.losses) check(loss, true);
    check_unread();
  }

 private:
  bool several() const { return model_.inputs.size() > 1; }

  // Several inputs: "input" is the whole sample, "target" and "weight" are the batch's other
  // fields.
  void add_inputs() {
    known_.push_back(several() || model_.inputs.empty() ? "input" : model_.inputs.front().name);
    if (!several()) return;
    for (const auto& input : model_.inputs) {
      if (input.name == "input" || input.name == "target" || input.name == "weight")
        problems_.add(input,
                      fmt::format("several inputs need names of their own, not {}", input.name),
                      "as in input = left: 32");
      else if (std::find(known_.begin(), known_.end(), input.name) != known_.end())
        problems_.add(input, "another line has this name", "names are unique");
      known_.push_back(input.name);
    }
  }

  void check(const LayerLine& line, bool loss) {
    check_edges(line);
    const LayerRule* rule = find_layer_rule(line.op, loss);
    if (!rule) {
      const std::string what = fmt::format("unknown {} {}", loss ? "loss" : "layer", line.op);
      problems_.add(line, what, did_you_mean(line.op, layer_ops(loss)));
      return;
    }
    read_options(line, *rule, problems_);
    check_count(line, *rule);
    if (!line.target.empty() && (!loss || line.target != "target"))
      problems_.add(line,
                    fmt::format("target={}: {}", line.target,
                                loss ? "the data has no such field" : "only losses have a target"),
                    loss ? "the data's field is called target" : "remove target");
  }

  void check_edges(const LayerLine& line) {
    if (line.from.empty()) {
      if (several() && known_.size() == 1 + model_.inputs.size())
        problems_.add(line, "the model has several inputs",
                      fmt::format("name one: from={}", known_.back()));
      read_.insert(known_.back());
      return;
    }
    for (const auto& name : line.from) {
      read_.insert(name);
      if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
      const bool later = std::any_of(model_.layers.begin(), model_.layers.end(),
                                     [&](const LayerLine& l) { return l.name == name; });
      problems_.add(line,
                    later ? fmt::format("from={}: that layer is not declared before this one", name)
                          : fmt::format("from={}: no layer has this name", name),
                    later ? "move it up" : did_you_mean(name, known_));
    }
  }

  void check_count(const LayerLine& line, const LayerRule& rule) {
    const int count = line.from.empty() ? 1 : static_cast<int>(line.from.size());
    if (count >= rule.min_inputs && count <= rule.max_inputs) return;
    problems_.add(line,
                  fmt::format("{} takes {}, not {}", rule.op,
                              rule.max_inputs == 1 ? "one input" : "two or more inputs", count),
                  rule.max_inputs == 1 ? "join them with add or concat" : "name them: from=A,B");
  }

  void check_unread() {
    if (model_.losses.empty()) return;
    for (const auto& input : model_.inputs)
      if (several() && !read_.contains(input.name))
        problems_.add(input, "nothing reads this input",
                      fmt::format("use it with from={}", input.name));
    for (const auto& layer : model_.layers)
      if (!read_.contains(layer.name))
        problems_.add(layer, "nothing reads its output",
                      fmt::format("use it with from={} or remove it", layer.name));
  }

  const ModelConfig& model_;
  Problems& problems_;
  std::vector<std::string> known_;
  std::set<std::string> read_;
};

}  // namespace

void check_lines(const ModelConfig& model, Problems& problems) { Checker(model, problems).run(); }

}  // namespace trireme
