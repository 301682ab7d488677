#include "worker/final_export.h"

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "export/goldens.h"
#include "export/load_checkpoint.h"
#include "export/slots.h"
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
  for (const TensorMeta& meta : snapshot->list()) {
    if (!meta.name.ends_with(".keys") && !meta.name.ends_with(".rows")) continue;
    HostTensor tensor = HostTensor::zeros(meta.shape, meta.dtype);
    snapshot->read(meta, tensor.bytes);
    tensors.emplace(meta.name, std::move(tensor));
  }
  return tensors;
}

// The weights of the last step, or of the best evaluation (export.best).
ExportOutcome write_export(Session& s, const Path& run) {
  const ExportConfig& e = s.experiment.export_;
  LoadedModel best;
  TrainedModel model;
  if (e.best) {
    const Path checkpoint = best_of(run);
    best = load_checkpoint_model(checkpoint);
    model.graph = best.graph.get();
    model.weights = std::move(best.weights);
    model.origin = checkpoint_origin(checkpoint);
  } else {
    model.graph = s.graph.get();
    model.weights = from_flat(s.graph->params(), s.state->averaged_params());
    model.weights.merge(from_flat(s.graph->state(), s.state->state()));
    if (s.tables) model.weights.merge(rows_of(*s.tables));
    model.origin = run.filename().string();
  }
  model.preprocessing = s.preprocessing();
  model.config = s.experiment.to_ini(false);
  const DataSource& source = s.data.validation ? *s.data.validation : *s.data.train;
  const Goldens goldens =
      record_goldens(*model.graph, model.weights, &source, e.goldens, s.experiment.run.seed);
  Path out = run / "export";
  for (int k = 2; std::filesystem::exists(out); ++k) out = run / fmt::format("export-{}", k);
  const ParityReport report = export_model(model, goldens, e.formats, e.atol, e.rtol, out);
  return {out.string(), report.text};
}

}  // namespace

ExportOutcome export_at_end(Session& s, const Path& run) {
  if (s.experiment.export_.formats.empty()) return {};
  ExportOutcome outcome;
  if (s.last()) outcome = write_export(s, run);
  const int root = s.comm.size() - 1;
  const Wait wait{s.experiment.run.timeout, "the export by the last rank", -1};
  outcome.folder = broadcast_text(s.comm, outcome.folder, root, wait);
  outcome.parity = broadcast_text(s.comm, outcome.parity, root, wait);
  return outcome;
}

}  // namespace trireme
