#include "worker/final_export.h"

#include <fmt/format.h>

#include <algorithm>

#include "worker/agreement.h"
#include "worker/layout.h"

namespace trireme {
namespace {

// What the trained program itself predicts for the first samples.
Goldens record_goldens(Session& s) {
  const DataSource& source = s.data.validation ? *s.data.validation : *s.data.train;
  const int64_t n = std::min(s.experiment.export_.goldens, source.size());
  const Schema& schema = s.preprocessing().schema;
  ProgramOptions options;
  options.mode = Mode::inference;
  options.losses = false;
  const auto program = Program::compile(*s.graph, *s.kernels, n, options);
  AlignedBuffer input(static_cast<size_t>(n * schema.input.elements()) * sizeof(float));
  std::vector<float> ignored(static_cast<size_t>(std::max<int64_t>(1, schema.target_width)));
  for (int64_t i = 0; i < n; ++i) {
    int64_t label = 0;
    float weight = 0;
    source.read(static_cast<uint64_t>(i), {0, static_cast<uint64_t>(i), static_cast<uint64_t>(i)},
                false,
                {input.floats() + i * schema.input.elements(), &label, ignored.data(), &weight});
  }
  AlignedBuffer arena(program->arena_bytes()), packed(program->packed_bytes());
  program->pack(s.exchange->averaged_params(), packed.data(), 0, 1, nullptr);
  std::byte* fields[] = {input.data()};
  Workspace ws;
  ws.arena = arena.data();
  ws.params = s.exchange->averaged_params();
  ws.state = s.exchange->state();
  ws.packed = packed.data();
  ws.fields = fields;
  for (int segment = 0; segment < program->segments(); ++segment)
    program->run(ws, segment, nullptr, nullptr);
  const Shape input_shape = s.graph->node(s.graph->inputs().front()).shape;
  return {to_logical_batch(input_shape, n, input.floats()),
          to_logical_batch(s.graph->node(s.graph->output()).shape, n, program->output(ws))};
}

ExportOutcome write_export(Session& s, const Path& run) {
  TrainedModel model;
  model.graph = s.graph.get();
  model.weights = logical_tensors(s.graph->params(), s.exchange->averaged_params());
  for (auto& [name, tensor] : logical_tensors(s.graph->state(), s.exchange->state()))
    model.weights.emplace(name, std::move(tensor));
  model.preprocessing = s.preprocessing();
  model.config = s.experiment.to_ini(false);
  model.origin = run.filename().string();
  Path out = run / "export";
  for (int k = 2; std::filesystem::exists(out); ++k) out = run / fmt::format("export-{}", k);
  const ExportConfig& e = s.experiment.export_;
  const ParityReport report =
      export_model(model, record_goldens(s), e.formats, e.atol, e.rtol, out);
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
