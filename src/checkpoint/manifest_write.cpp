#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/sha256.h"
#include "checkpoint/dtype_names.h"
#include "checkpoint/manifest.h"
#include "checkpoint/manifest_seal.h"
#include "checkpoint/strict_json.h"

namespace trireme {
namespace {

using Json = nlohmann::ordered_json;

Json state_json(const RunState& s) {
  return {{"step", s.step},
          {"updates", s.updates},
          {"samples", s.samples},
          {"epoch", s.epoch},
          {"position", s.position},
          {"seed", s.seed},
          {"best_metric", number_to_json(s.best_metric)},
          {"best_step", s.best_step},
          {"evaluations_without_improvement", s.evaluations_without_improvement},
          {"elapsed_seconds", number_to_json(s.elapsed_seconds)},
          {"params_hash", s.params_hash},
          {"graph_hash", s.graph_hash},
          {"data_fingerprint", s.data_fingerprint},
          {"cpu_level", s.cpu_level},
          {"onednn_version", s.onednn_version},
          {"virtual_shards", s.virtual_shards},
          {"reproducible", s.reproducible},
          {"generation", s.generation},
          {"preprocessing", s.preprocessing},
          {"config", s.config}};
}

Json files_json(const std::vector<ShardFile>& files) {
  Json list = Json::array();
  for (const ShardFile& f : files) {
    list.push_back({{"name", f.name}, {"bytes", f.bytes}, {"sha256", f.sha256}});
  }
  return list;
}

Json tensors_json(const Manifest& manifest) {
  Json list = Json::array();
  for (const auto& [meta, file] : manifest.tensors) {
    Json shape = Json::array();
    for (const int64_t d : meta.shape.dims()) shape.push_back(d);
    list.push_back({{"name", meta.name},
                    {"dtype", safetensors_name(meta.dtype)},
                    {"shape", std::move(shape)},
                    {"file", file}});
  }
  return list;
}

// "state.config" and so on: whatever of `value` does not print as UTF-8.
std::string not_utf8(const Json& value, const std::string& where) {
  if (value.is_structured()) {
    for (const auto& [key, inner] : value.items()) {
      const std::string found = not_utf8(inner, where.empty() ? key : where + "." + key);
      if (!found.empty()) return found;
    }
    return {};
  }
  try {
    (void)value.dump();
    return {};
  } catch (const nlohmann::json::exception&) {
    return where;
  }
}

}  // namespace

std::string manifest_text(const Manifest& manifest) {
  const Json root = {{"format", "trireme-checkpoint"},      {"version", manifest.version},
                     {"created", manifest.created},         {"state", state_json(manifest.state)},
                     {"files", files_json(manifest.files)}, {"tensors", tensors_json(manifest)}};
  try {
    return seal(root.dump(1));
  } catch (const nlohmann::json::exception&) {
    throw FormatError("cannot write " + std::string(kManifestName) + ": field '" +
                          not_utf8(root, "") + "' is not UTF-8",
                      "save the experiment file as UTF-8 and give files UTF-8 names");
  }
}

}  // namespace trireme
