#include "worker/verify/export_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "checkpoint/safetensors.h"
#include "export/export.h"
#include "export/load_checkpoint.h"
#include "export/parity.h"

namespace trireme {
namespace {

// Rank 0 where the model does not read it.
HostTensor recorded_input(const SafetensorsReader& goldens, const char* name) {
  return goldens.find(name) ? goldens.tensor(name) : HostTensor{};
}

}  // namespace

Comparison check_exported_file(const Path& model_file, const Path& checkpoint,
                               const ExportConfig& tolerance) {
  const SafetensorsReader goldens(model_file.parent_path() / "goldens.safetensors");
  const HostTensor input = recorded_input(goldens, "input"), ids = recorded_input(goldens, "ids");
  const LoadedModel exported = load_export(model_file), trained = load_checkpoint_model(checkpoint);
  const HostTensor got = Predictor(*exported.graph, exported.weights).run(input, ids);
  const HostTensor again = Predictor(*trained.graph, trained.weights).run(input, ids);
  const std::string file = model_file.filename().string();
  const auto recorded =
      compare_outputs(file, got, goldens.tensor("output"), tolerance.atol, tolerance.rtol);
  if (!recorded.passed) return {false, "DIFFERS from training: " + recorded.text};
  const auto replayed = compare_outputs(file, got, again, tolerance.atol, tolerance.rtol);
  if (!replayed.passed) return {false, "DIFFERS from the checkpoint: " + replayed.text};
  const double largest = std::max(recorded.max_absolute, replayed.max_absolute);
  if (largest == 0) return {true, fmt::format("equal ({} outputs)", recorded.compared)};
  return {true,
          fmt::format("within: max |a-b| = {:.3g} in {} outputs", largest, recorded.compared)};
}

}  // namespace trireme
