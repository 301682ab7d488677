#include "worker/init_from.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <span>

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
  std::vector<std::string> used, missing, unused;
};

// The first few of them, and how many more there are.
std::string named(const std::vector<std::string>& names) {
  constexpr size_t kShown = 10;
  const size_t shown = std::min(names.size(), kShown);
  std::string text = join(std::span(names).first(shown), ", ");
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

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
    outcome.used.push_back(slot.name);
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
  std::vector<std::string> available;
  if (what.ends_with(".safetensors")) {
    const SafetensorsReader file{Path(what)};
    for (const TensorMeta& tensor : file.tensors()) available.push_back(tensor.name);
    const Lookup find = [&](const std::string& name) { return file.find(name); };
    const Read read = [&](const TensorMeta& t, std::span<std::byte> out) {
      const auto bytes = file.data(t);
      std::copy(bytes.begin(), bytes.end(), out.begin());
    };
    fill_both(graph, find, find, read, params, state, outcome);
  } else {
    const CheckpointReader checkpoint(resolve_checkpoint(what), true);
    for (const std::string_view kind : {"model.", "state."})
      for (const auto& [tensor, file] : checkpoint.manifest().tensors)
        if (tensor.name.starts_with(kind)) available.push_back(tensor.name.substr(kind.size()));
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
  for (const std::string& name : available)
    if (std::ranges::find(outcome.used, name) == outcome.used.end()) outcome.unused.push_back(name);
  log_info("initialised {} tensors from {}: {}", outcome.used.size(), what, named(outcome.used));
  if (!outcome.unused.empty()) log_info("not used of it: {}", named(outcome.unused));
  if (!outcome.missing.empty())
    log_info("not in it, so freshly initialised: {}", named(outcome.missing));
}

}  // namespace trireme
