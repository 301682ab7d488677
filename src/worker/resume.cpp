#include "worker/resume.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "worker/servers/parameter_exchange.h"
#include "worker/tables/table_state.h"

namespace trireme {
namespace {

constexpr const char* kSameFile = "resume with the experiment file that started the run";

using Values = std::map<std::string, std::string>;

Values values_of(const Experiment& experiment) {
  Values values;
  for (const ResolvedKey& key : experiment.resolved) {
    std::string& value = values[key.section + "." + key.key];
    value += (value.empty() ? "" : "; ") + key.value;  // lines of [model] repeat
  }
  return values;
}

// Whether a key takes part in what the weights become, its files aside: these have a fingerprint.
bool bears_on_result(const std::string& name) {
  constexpr std::array<std::string_view, 12> kSections = {"data.",
                                                          "model.",
                                                          "train.",
                                                          "optimizer.",
                                                          "schedule.",
                                                          "run.seed",
                                                          "run.reproducible",
                                                          "exchange.consistency",
                                                          "exchange.codec",
                                                          "exchange.top_k",
                                                          "exchange.push_every",
                                                          "exchange.delay_compensation"};
  constexpr std::array<std::string_view, 12> kOthers = {
      "data.train",       "data.validation", "data.prefetch_",   "model.init_from",
      "model.metric",     "train.max_",      "train.eval_",      "train.early_stopping",
      "train.non_finite", "train.monitor",   "train.batch_size", "data.drop_last"};
  const auto begins = [&](std::string_view prefix) { return name.starts_with(prefix); };
  return std::ranges::any_of(kSections, begins) && std::ranges::none_of(kOthers, begins);
}

std::string shown(const Values& values, const std::string& name) {
  const auto found = values.find(name);
  if (found == values.end()) return "not used";
  return found->second.empty() ? "empty" : found->second;
}

void require_tensor(const CheckpointReader& checkpoint, const std::string& name,
                    const Shape& shape) {
  const TensorMeta* stored = checkpoint.find(name);
  if (!stored)
    throw FormatError(fmt::format("{}: the checkpoint has no {}", checkpoint.path().string(), name),
                      kSameFile);
  if (stored->shape != shape || stored->dtype != DType::f32)
    throw FormatError(
        fmt::format("{}: {} is {} {} in the checkpoint, this experiment needs float32 {}",
                    checkpoint.path().string(), name, name_of(stored->dtype), stored->shape.str(),
                    shape.str()),
        kSameFile);
}

}  // namespace

void check_resumable(const CheckpointReader& checkpoint, const Experiment& experiment,
                     const Graph& graph) {
  const RunState& state = checkpoint.manifest().state;
  const Values before = values_of(parse_experiment(state.config, checkpoint.path().string(), {}));
  const Values now = values_of(experiment);
  for (const std::string name : {"train.batch_size", "data.drop_last"}) {
    if (shown(before, name) == shown(now, name)) continue;
    throw ConfigError(
        fmt::format("{} = {}, but the run that is resumed has {}: its steps would be other samples",
                    name, shown(now, name), shown(before, name)),
        "keep it, or start a new run with model.init_from");
  }
  for (const Slot& slot : graph.params().slots())
    require_tensor(checkpoint, "model." + slot.name, slot.logical);
  for (const Slot& slot : graph.state().slots())
    require_tensor(checkpoint, "state." + slot.name, slot.logical);
  for (const TableSpec& table : graph.tables()) require_table(checkpoint, table);
}

std::vector<std::string> changes_since(const RunState& state, const Experiment& experiment,
                                       const std::string& fingerprint) {
  const Values before = values_of(parse_experiment(state.config, "the checkpoint", {}));
  const Values now = values_of(experiment);
  Values all = before;
  all.insert(now.begin(), now.end());
  std::vector<std::string> changes;
  if (state.data_fingerprint != fingerprint) changes.emplace_back("the data is not the same");
  for (const auto& [name, value] : all) {
    if (!bears_on_result(name) || shown(before, name) == shown(now, name)) continue;
    changes.push_back(
        fmt::format("{} is {}, which was {}", name, shown(now, name), shown(before, name)));
  }
  return changes;
}

void restore(const CheckpointReader& checkpoint, TrainingState& state, bool report) {
  constexpr std::string_view kAverage = "ema.";
  size_t missing = 0;
  bool took_residuals = false;
  state.restore([&](const TensorMeta& wanted, std::span<std::byte> out) {
    const TensorMeta* stored = checkpoint.find(wanted.name);
    if (!stored && wanted.name.starts_with(kAverage))
      stored = checkpoint.find("model." + wanted.name.substr(kAverage.size()));
    took_residuals |= wanted.name.starts_with(kResidual);
    if (!stored) {
      missing += !wanted.name.starts_with(kResidual);
      return false;
    }
    if (stored->shape != wanted.shape || stored->dtype != wanted.dtype)
      throw FormatError(fmt::format("{}: the checkpoint has {}, this experiment needs {}",
                                    wanted.name, stored->shape.str(), wanted.shape.str()),
                        kSameFile);
    if (!out.empty()) checkpoint.read(*stored, out);
    return true;
  });
  if (report && missing > 0)
    log_warning("{} tensors of the optimizer are not in the checkpoint and start from nothing",
                missing);
  const auto& tensors = checkpoint.manifest().tensors;
  if (report && !took_residuals && std::ranges::any_of(tensors, [](const auto& t) {
        return t.first.name.starts_with(kResidual);
      }))
    log_warning(
        "the run that is resumed sent its gradients in a codec; what that had left out so far is "
        "dropped");
}

}  // namespace trireme
