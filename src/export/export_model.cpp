#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/safetensors.h"
#include "export/digests.h"
#include "export/export.h"
#include "export/model_card.h"
#include "export/parity.h"
#include "export/safetensors_model.h"
#include "export/temporary_folder.h"

namespace trireme {
namespace {

const std::vector<std::string> kFormats = {"onnx", "safetensors"};

void check_formats(const std::vector<std::string>& formats) {
  if (formats.empty()) throw ConfigError("export: no format given", "onnx, safetensors");
  for (const std::string& format : formats) {
    if (std::ranges::find(kFormats, format) != kFormats.end()) continue;
    const auto near = nearest(format, kFormats);
    throw ConfigError(fmt::format("export: unknown format {}", format),
                      near ? "did you mean " + *near + "?" : "onnx, safetensors");
  }
}

void check_goldens(const Goldens& goldens) {
  if (goldens.output.shape.rank() == 0 || goldens.output.shape[0] == 0)
    throw FormatError("export: no recorded samples to check against",
                      "set export.goldens to at least 1");
  const auto finite = [](float v) { return std::isfinite(v); };
  if (!std::ranges::all_of(goldens.output.floats(), finite))
    throw FormatError("export: training's own program gives outputs that are not finite",
                      "export an earlier checkpoint, or lower optimizer.lr");
}

std::map<std::string, HostTensor> golden_tensors(const Goldens& goldens) {
  std::map<std::string, HostTensor> tensors = {{"output", goldens.output}};
  if (goldens.input.shape.rank() > 0) tensors["input"] = goldens.input;
  if (goldens.ids.shape.rank() > 0) tensors["ids"] = goldens.ids;
  return tensors;
}

LoadedModel write_and_reload(const TrainedModel& model, const std::string& format,
                             const Path& folder) {
  if (format == "onnx") {
    write_onnx(model, folder / "model.onnx");
    return read_onnx(folder / "model.onnx");
  }
  write_safetensors_model(model, folder / "model.safetensors");
  return load_export(folder / "model.safetensors");
}

ParityReport replay(const LoadedModel& loaded, const std::string& format, const Goldens& goldens,
                    double atol, double rtol) {
  const Predictor predictor(*loaded.graph, loaded.weights);
  ParityReport report = compare_outputs(
      "model." + format, predictor.run(goldens.input, goldens.ids), goldens.output, atol, rtol);
  if (!report.passed)
    throw FormatError("export refused, the file predicts something else: " + report.text,
                      "raise export.atol or export.rtol only if this difference is acceptable");
  return report;
}

}  // namespace

ParityReport export_model(const TrainedModel& model, const Goldens& goldens,
                          const std::vector<std::string>& formats, double atol, double rtol,
                          const Path& out) {
  check_formats(formats);
  check_goldens(goldens);
  TemporaryFolder folder(out);
  const Path& to = folder.path();
  write_atomic(to / "experiment.ini", model.config);
  write_atomic(to / "preprocessing.json", model.preprocessing.to_json());
  write_tensors(to / "goldens.safetensors", golden_tensors(goldens));
  std::vector<ParityReport> reports;
  for (const std::string& format : formats) {
    const LoadedModel loaded = write_and_reload(model, format, to);
    reports.push_back(replay(loaded, format, goldens, atol, rtol));
  }
  write_atomic(to / "README.md", model_card(model, goldens, formats, reports, atol, rtol));
  write_digests(to);
  folder.publish();

  ParityReport total = reports.front();
  for (size_t i = 1; i < reports.size(); ++i) {
    total.max_absolute = std::max(total.max_absolute, reports[i].max_absolute);
    total.max_relative = std::max(total.max_relative, reports[i].max_relative);
    total.compared += reports[i].compared;
    total.text += "; " + reports[i].text;
  }
  return total;
}

}  // namespace trireme
