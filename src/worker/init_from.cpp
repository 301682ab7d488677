#include "worker/init_from.h"

#include <fmt/format.h>

#include <functional>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"

namespace trireme {
namespace {

using Lookup = std::function<const TensorMeta*(const std::string&)>;
using Read = std::function<void(const TensorMeta&, std::span<std::byte>)>;

struct Outcome {
  std::vector<std::string> missing;
  std::set<std::string> used;
};

void fill(const ParamTable& table, const Lookup& find, const Read& read, float* flat,
          Outcome& outcome) {
  std::vector<float> logical;
  for (const Slot& slot : table.slots()) {
    const TensorMeta* stored = find(slot.name);
    if (!stored) {
      outcome.missing.push_back(slot.name);
      continue;
    }
    if (stored->shape != slot.logical || stored->dtype != DType::f32)
      throw ConfigError(fmt::format("model.init_from: {} is {} there and {} here", slot.name,
                                    stored->shape.str(), slot.logical.str()),
                        "rename the layer to start it afresh, or fix its size");
    logical.resize(static_cast<size_t>(slot.count));
    read(*stored, std::as_writable_bytes(std::span(logical)));
    to_stored(slot, logical.data(), flat + slot.offset);
    outcome.used.insert(slot.name);
  }
}

void fill_both(const Graph& graph, const Lookup& params_of, const Lookup& state_of,
               const Read& read, float* params, float* state, Outcome& outcome) {
  fill(graph.params(), params_of, read, params, outcome);
  fill(graph.state(), state_of, read, state, outcome);
}

}  // namespace

void initialise_from(const std::string& what, const Graph& graph, float* params, float* state,
                     bool report) {
  Outcome outcome;
  size_t available = 0;
  if (what.ends_with(".safetensors")) {
    const SafetensorsReader file{Path(what)};
    available = file.tensors().size();
    const Lookup find = [&](const std::string& name) { return file.find(name); };
    const Read read = [&](const TensorMeta& t, std::span<std::byte> out) {
      const auto bytes = file.data(t);
      std::copy(bytes.begin(), bytes.end(), out.begin());
    };
    fill_both(graph, find, find, read, params, state, outcome);
  } else {
    const CheckpointReader checkpoint(resolve_checkpoint(what), true);
    for (const auto& [tensor, file] : checkpoint.manifest().tensors)
      available += tensor.name.starts_with("model.") || tensor.name.starts_with("state.");
    const Read read = [&](const TensorMeta& t, std::span<std::byte> out) {
      checkpoint.read(t, out);
    };
    fill_both(
        graph, [&](const std::string& n) { return checkpoint.find("model." + n); },
        [&](const std::string& n) { return checkpoint.find("state." + n); }, read, params, state,
        outcome);
  }
  if (outcome.used.empty())
    throw ConfigError(
        fmt::format("model.init_from: no tensor of {} has a name of this model's", what),
        "compare `trireme ckpt inspect` with `trireme config`");
  if (!report) return;
  log_info("initialised {} tensors from {}; {} of the file's were not used", outcome.used.size(),
           what, available - outcome.used.size());
  if (!outcome.missing.empty())
    log_info("not in the file, so freshly initialised: {}", join(outcome.missing, ", "));
}

}  // namespace trireme
