#pragma once
// Models written as in an experiment file, for tests.

#include <gmock/gmock.h>

#include <sstream>
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "model/build.h"

namespace trireme::testing_model {

inline LayerLine parse_line(const std::string& text, int number) {
  LayerLine line;
  line.file = "m.ini";
  line.line = number;
  std::istringstream words(text);
  std::string word;
  while (words >> word) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos && word.back() == ':')
      line.name = word.substr(0, word.size() - 1);
    else if (equals == std::string::npos)
      line.op = word;
    else if (word.substr(0, equals) == "from")
      line.from = split(word.substr(equals + 1), ',');
    else if (word.substr(0, equals) == "target")
      line.target = word.substr(equals + 1);
    else
      line.options.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return line;
}

// Lines "input = ..", "layer = ..", "loss = ..", "metric = ..", "preset = .." and "KEY = .." of the
// preset; line 1 is the first.
inline ModelConfig model_of(const std::string& text) {
  ModelConfig model{};
  model.initializer = "pytorch";
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    const std::string key(trim(line.substr(0, equals))), value(trim(line.substr(equals + 1)));
    if (key == "input")
      model.inputs.push_back(parse_line(value, number));
    else if (key == "layer")
      model.layers.push_back(parse_line(value, number));
    else if (key == "loss")
      model.losses.push_back(parse_line(value, number));
    else if (key == "metric")
      model.metrics.push_back(parse_line(value, number));
    else if (key == "preset")
      model.preset = value;
    else
      model.preset_options.emplace_back(key, value);
  }
  return model;
}

inline DataShape images(int64_t c, int64_t h, int64_t w, int64_t classes) {
  return {{c, h, w}, true, classes, 1, false};
}
inline DataShape features(int64_t f, int64_t classes) { return {{f}, false, classes, 1, false}; }
inline DataShape values(int64_t f, int64_t width = 1) { return {{f}, false, 0, width, false}; }

inline std::unique_ptr<Graph> build(const ModelConfig& model, const DataShape& data) {
  Experiment experiment{};
  experiment.model = model;
  return build_graph(experiment, data);
}
inline std::unique_ptr<Graph> build(const std::string& text, const DataShape& data) {
  return build(model_of(text), data);
}

// "what (hint)" of the ConfigError that `call` throws; "" when it throws none.
template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const ConfigError& e) {
    return e.what() + (e.hint().empty() ? "" : " (" + e.hint() + ")");
  }
  return "";
}
inline std::string build_error(const std::string& text, const DataShape& data) {
  return error_of([&] { build(text, data); });
}

inline int64_t count_params(const Graph& graph) {
  int64_t total = 0;
  for (const Slot& slot : graph.params().slots()) total += slot.count;
  return total;
}

inline std::vector<std::string> slot_names(const ParamTable& table) {
  std::vector<std::string> names;
  for (const Slot& slot : table.slots()) names.push_back(slot.name);
  return names;
}

}  // namespace trireme::testing_model
