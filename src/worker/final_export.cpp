#include "worker/final_export.h"

#include <fmt/format.h>

#include <set>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "export/data_shape.h"
#include "export/goldens.h"
#include "export/load_checkpoint.h"
#include "export/slots.h"
#include "export/tables.h"
#include "worker/agreement.h"

namespace trireme {
namespace {

Path best_of(const Path& run) {
  const auto best = best_checkpoint(run / "checkpoints");
  if (!best)
    throw FormatError(fmt::format("export.best: no checkpoint of {} is marked best", run.string()),
                      "export a checkpoint by hand: trireme export RUN/checkpoints/step-N");
  return *best;
}

// Keys and rows of every table.
std::map<std::string, HostTensor> rows_of(TableExchange& tables) {
  const auto snapshot = tables.snapshot();
  snapshot->capture();
  std::map<std::string, HostTensor> tensors;
  std::set<std::string> wanted;
  for (const TableSpec& spec : tables.tables())
    for (const char* suffix : {"keys", "rows"}) wanted.insert(table_tensor(spec, suffix));
  for (const TensorMeta& meta : snapshot->list()) {
    if (!wanted.contains(meta.name)) continue;
    HostTensor tensor = HostTensor::zeros(meta.shape, meta.dtype);
    snapshot->read(meta, tensor.bytes);
    tensors.emplace(meta.name, std::move(tensor));
  }
  return tensors;
}

// The weights of the last step, or of the best evaluation (export.best).
ExportParcel parcel_of(Session& s, const Path& run) {
  ExportParcel parcel;
  if (s.experiment.export_.best) {
    const Path checkpoint = best_of(run);
    parcel.weights = load_checkpoint_model(checkpoint).weights;
    parcel.origin = checkpoint_origin(checkpoint);
  } else {
    parcel.weights = from_flat(s.graph->params(), s.state->averaged_params());
    parcel.weights.merge(from_flat(s.graph->state(), s.state->state()));
    if (s.tables) parcel.weights.merge(rows_of(*s.tables));
    parcel.origin = run.filename().string();
  }
  parcel.preprocessing = s.preprocessing();
  parcel.config = s.experiment.to_ini(false);
  parcel.run_directory = run.string();
  const DataSource& source = s.data.validation ? *s.data.validation : *s.data.train;
  parcel.goldens = record_goldens(*s.graph, parcel.weights, &source, s.experiment.export_.goldens,
                                  s.experiment.run.seed);
  return parcel;
}

ExportOutcome write_export(const Graph& graph, const ExportConfig& e, ExportParcel parcel) {
  TrainedModel model;
  model.graph = &graph;
  model.weights = std::move(parcel.weights);
  model.preprocessing = std::move(parcel.preprocessing);
  model.config = std::move(parcel.config);
  model.origin = std::move(parcel.origin);
  const Path run = parcel.run_directory;
  Path out = run / "export";
  for (int k = 2; std::filesystem::exists(out); ++k) out = run / fmt::format("export-{}", k);
  const ParityReport report = export_model(model, parcel.goldens, e.formats, e.atol, e.rtol, out);
  return {out.string(), report.text};
}

ExportOutcome tell_all(Communicator& world, const ExportOutcome& outcome, double timeout) {
  const int root = world.size() - 1;
  const Wait wait{timeout, "the export by the last rank", -1};
  return {broadcast_text(world, outcome.folder, root, wait),
          broadcast_text(world, outcome.parity, root, wait)};
}

}  // namespace

std::optional<ExportParcel> gather_export(Session& s, const Path& run) {
  const bool has_it = s.roles.servers > 0 ? s.first() : s.last();
  if (!has_it || s.experiment.export_.formats.empty()) return std::nullopt;
  return parcel_of(s, run);
}

ExportOutcome export_at_end(Session& s, std::optional<ExportParcel> parcel) {
  if (s.experiment.export_.formats.empty()) return {};
  const double timeout = s.experiment.run.timeout;
  ExportOutcome outcome;
  if (s.roles.servers > 0 && s.first())
    send_parcel(s.world, s.world.size() - 1, *parcel,
                {timeout, "the last rank to take what it exports", -1});
  else if (s.last())
    outcome = write_export(*s.graph, s.experiment.export_, std::move(*parcel));
  return tell_all(s.world, outcome, timeout);
}

void export_on_server(Communicator& world, const Experiment& experiment) {
  if (experiment.export_.formats.empty()) return;
  const double timeout = experiment.run.timeout;
  ExportOutcome outcome;
  if (world.rank() == world.size() - 1) {
    ExportParcel parcel = receive_parcel(world, 0, {timeout, "what is to be exported", -1});
    const auto graph = build_graph(experiment, data_shape_of(parcel.preprocessing.schema));
    outcome = write_export(*graph, experiment.export_, std::move(parcel));
  }
  tell_all(world, outcome, timeout);
}

}  // namespace trireme
