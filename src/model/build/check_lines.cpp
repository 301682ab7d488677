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
      check_unique(layer);
      known_.push_back(layer.name);
    }
    for (const auto& loss : model_.losses) check(loss, true);
    check_unread();
  }

 private:
  bool several() const { return dense_.size() > 1; }

  // Several dense inputs: "input" is the whole sample, "target" and "weight" are the batch's other
  // fields.
  void add_inputs() {
    known_.push_back(several() || dense_.empty() ? "input" : dense_.front().name);
    for (const auto& input : dense_) {
      if (input.name == "ids")
        problems_.add(input, "ids are not float32", "write dtype=int64, or choose another name");
      if (!several()) continue;
      if (input.name == "input" || input.name == "target" || input.name == "weight")
        problems_.add(input,
                      fmt::format("several inputs need names of their own, not {}", input.name),
                      "as in input = left: 32");
      else
        check_unique(input);
      known_.push_back(input.name);
    }
    add_ids();
  }

  void add_ids() {
    const LayerLine* ids = ids_line(model_);
    if (!ids) return;
    if (model_.inputs.size() > dense_.size() + 1)
      problems_.add(model_.inputs.back(), "a second input of ids", "all ids are one input");
    if (ids->name != "ids")
      problems_.add(*ids, fmt::format("the ids are called {}", ids->name),
                    "write input = ids: ...");
    known_.push_back(ids->name);
  }

  void check_unique(const LayerLine& line) {
    if (std::find(known_.begin(), known_.end(), line.name) != known_.end())
      problems_.add(line, "another line has this name", "names are unique");
  }

  // The first layer has no layer above it.
  bool must_name_input() const {
    const size_t inputs = dense_.size() + (ids_line(model_) ? 1 : 0);
    return inputs > 1 && known_.size() == inputs + (several() ? 1 : 0);
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
      if (must_name_input())
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
      if ((model_.inputs.size() > 1 || ids_line(model_)) && !read_.contains(input.name))
        problems_.add(input, "nothing reads this input",
                      fmt::format("use it with from={}", input.name));
    for (const auto& layer : model_.layers)
      if (!read_.contains(layer.name))
        problems_.add(layer, "nothing reads its output",
                      fmt::format("use it with from={} or remove it", layer.name));
  }

  const ModelConfig& model_;
  const std::vector<LayerLine> dense_ = dense_lines(model_);
  Problems& problems_;
  std::vector<std::string> known_;
  std::set<std::string> read_;
};

}  // namespace

void check_lines(const ModelConfig& model, Problems& problems) { Checker(model, problems).run(); }

}  // namespace trireme
