#include "model/build.h"

#include "base/error.h"
#include "model/build/lines.h"
#include "model/build/slot_rules.h"
#include "model/build/wire.h"
#include "model/presets/presets.h"

namespace trireme {
namespace {

void require_model(const ModelConfig& model) {
  if (model.preset.empty() && model.layers.empty())
    throw ConfigError("the model has no layers", "set model.preset or add layer lines to [model]");
}

// The data as the model sees it.
DataShape seen_through(const Shape& input, DataShape data) {
  data.input = input;
  return data;
}

}  // namespace

ModelConfig expand_model(const ModelConfig& model, const DataShape& data) {
  require_model(model);
  Problems problems;
  const Shape input = input_shapes(model, data, problems).front();
  if (!model.preset.empty()) problems.throw_if_any();  // a preset's layers follow from its input
  ModelConfig expanded =
      model.preset.empty() ? model : expand_preset(model, seen_through(input, data));
  name_lines(expanded);
  apply_overrides(expanded, problems);
  check_lines(expanded, problems);
  check_ids(expanded, data, problems);
  problems.throw_if_any();
  return expanded;
}

std::unique_ptr<Graph> build_graph(const Experiment& experiment, const DataShape& data) {
  const ModelConfig model = expand_model(experiment.model, data);
  Problems problems;
  auto graph = std::make_unique<Graph>();
  Wiring wiring(*graph, model, problems);
  wiring.add_all(input_shapes(model, data, problems), data);
  problems.throw_if_any();
  graph->freeze(slot_rules(*graph, experiment, wiring.fixed()));
  return graph;
}

}  // namespace trireme
