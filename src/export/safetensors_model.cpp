#include "export/safetensors_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "export/data_shape.h"
#include "export/slots.h"
#include "export/tables.h"

namespace trireme {
namespace {

bool is_table_tensor(const Graph& graph, const std::string& name) {
  return std::ranges::any_of(graph.tables(), [&](const TableSpec& spec) {
    return name == table_tensor(spec, "keys") || name == table_tensor(spec, "rows");
  });
}

}  // namespace

void write_safetensors_model(const TrainedModel& model, const Path& file) {
  std::map<std::string, HostTensor> tensors;
  for (const ParamTable* table : {&model.graph->params(), &model.graph->state()})
    for (const Slot& slot : table->slots())
      tensors.emplace(slot.name, slot_tensor(model.weights, slot));
  const ModelTables tables(*model.graph, model.weights);
  for (size_t t = 0; t < tables.tables().size(); ++t) {
    const TableSpec& spec = model.graph->tables()[t];
    tensors.emplace(table_tensor(spec, "keys"), tables.tables()[t].keys);
    tensors.emplace(table_tensor(spec, "rows"), tables.tables()[t].rows);
  }
  write_tensors(file, tensors, {{"origin", model.origin}});
}

LoadedModel read_safetensors_model(const Path& file, const std::string& config,
                                   const Preprocessing& preprocessing) {
  const SafetensorsReader reader(file);
  LoadedModel model;
  model.config = config;
  model.preprocessing = preprocessing;
  model.graph = build_graph(parse_experiment(config, "experiment.ini", {}),
                            data_shape_of(preprocessing.schema));
  for (const TensorMeta& tensor : reader.tensors()) {
    if (!model.graph->params().find(tensor.name) && !model.graph->state().find(tensor.name) &&
        !is_table_tensor(*model.graph, tensor.name))
      throw FormatError(
          fmt::format("{}: {} belongs to no layer of the experiment", file.string(), tensor.name),
          "the file belongs to another experiment.ini");
    model.weights.emplace(tensor.name, reader.tensor(tensor.name));
  }
  try {
    for (const ParamTable* table : {&model.graph->params(), &model.graph->state()})
      for (const Slot& slot : table->slots()) slot_tensor(model.weights, slot);
    const ModelTables tables(*model.graph, model.weights);
  } catch (const FormatError& e) {
    throw FormatError(fmt::format("{}: {}", file.string(), e.what()), e.hint());
  }
  return model;
}

}  // namespace trireme
