#include "export/load_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/stored_tables.h"
#include "export/data_shape.h"
#include "export/tables.h"

namespace trireme {
namespace {

HostTensor read_slot(const CheckpointReader& reader, const std::string& prefix, const Slot& slot) {
  const std::string name = prefix + "." + slot.name;
  const TensorMeta* meta = reader.find(name);
  const std::string place = reader.path().string();
  if (!meta)
    throw FormatError(fmt::format("{}: no tensor {}", place, name),
                      "the checkpoint belongs to another version of the model");
  if (meta->dtype != DType::f32 || meta->shape != slot.logical)
    throw FormatError(fmt::format("{}: {} is {} {}, the model needs float32 {}", place, name,
                                  name_of(meta->dtype), meta->shape.str(), slot.logical.str()),
                      "the checkpoint belongs to another version of the model");
  HostTensor tensor = HostTensor::zeros(slot.logical);
  reader.read(*meta, tensor.bytes);
  return tensor;
}

// In whatever parts, by ascending key.
HostTensor read_column(const StoredColumn& column, const Shape& shape) {
  HostTensor tensor = HostTensor::zeros(shape, column.dtype);
  const size_t size = column.row_bytes();
  for (int64_t i = 0; i < shape[0]; ++i)
    std::ranges::copy(column.row(i), tensor.bytes.begin() + i * static_cast<std::ptrdiff_t>(size));
  return tensor;
}

void read_tables(const CheckpointReader& reader, const Graph& graph,
                 std::map<std::string, HostTensor>& weights) {
  const auto stored = stored_tables(reader);
  for (const TableSpec& spec : graph.tables()) {
    const auto table = std::ranges::find(stored, spec.name, &StoredTable::name);
    for (const char* suffix : {"keys", "rows"}) {
      const std::string name = table_tensor(spec, suffix);
      const TensorMeta* meta = reader.find_whole(name);
      const StoredColumn* column = nullptr;
      if (table != stored.end())
        column = name == table->keys.name ? &table->keys : table->find(".rows");
      if (!meta || !column)
        throw FormatError(fmt::format("{}: no tensor {}", reader.path().string(), name),
                          "the checkpoint belongs to another version of the model");
      weights.insert_or_assign(name, read_column(*column, meta->shape));
    }
  }
}

}  // namespace

LoadedModel load_checkpoint_model(const Path& checkpoint) {
  const CheckpointReader reader(checkpoint, /*verify=*/true);
  const RunState& state = reader.manifest().state;
  const Experiment experiment = parse_experiment(state.config, checkpoint.string(), {});
  LoadedModel model;
  model.config = state.config;
  model.preprocessing = Preprocessing::from_json(state.preprocessing);
  model.graph = build_graph(experiment, data_shape_of(model.preprocessing.schema));
  if (!state.graph_hash.empty() && state.graph_hash != model.graph->hash().hex())
    log_warning("{}: the experiment in it gives another graph than the one it was trained with",
                checkpoint.string());
  const std::string prefix = experiment.train.ema > 0 ? "ema" : "model";
  for (const Slot& slot : model.graph->params().slots())
    model.weights[slot.name] = read_slot(reader, prefix, slot);
  for (const Slot& slot : model.graph->state().slots())
    model.weights[slot.name] = read_slot(reader, "state", slot);
  read_tables(reader, *model.graph, model.weights);
  return model;
}

std::string checkpoint_origin(const Path& checkpoint) {
  const CheckpointReader reader(checkpoint, /*verify=*/false);
  const RunState& state = reader.manifest().state;
  const Experiment experiment = parse_experiment(state.config, checkpoint.string(), {});
  return fmt::format("run {}, step {} (epoch {}), checkpoint {}", experiment.run.name, state.step,
                     state.epoch, checkpoint.filename().string());
}

}  // namespace trireme
