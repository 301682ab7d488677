#include <algorithm>
#include <set>

#include "base/error.h"
#include "checkpoint/dtype_names.h"
#include "checkpoint/manifest.h"
#include "checkpoint/manifest_seal.h"
#include "checkpoint/shape_json.h"
#include "checkpoint/strict_json.h"

namespace trireme {
namespace {

using nlohmann::json;

RunState read_state(const JsonFields& f) {
  RunState s;
  s.step = f.integer("step", 0);
  s.updates = f.integer("updates", 0);
  s.samples = f.integer("samples", 0);
  s.epoch = f.natural("epoch");
  s.position = f.integer("position", 0);
  s.seed = f.natural("seed");
  s.best_metric = f.number("best_metric");
  s.best_step = f.integer("best_step", -1);
  s.evaluations_without_improvement = f.integer("evaluations_without_improvement", 0);
  s.elapsed_seconds = f.number("elapsed_seconds");
  s.config = f.text("config");
  s.preprocessing = f.text("preprocessing");
  s.params_hash = f.text("params_hash");
  s.graph_hash = f.text("graph_hash");
  s.data_fingerprint = f.text("data_fingerprint");
  s.cpu_level = f.text("cpu_level");
  s.onednn_version = f.text("onednn_version");
  s.virtual_shards = f.integer("virtual_shards", 0);
  s.reproducible = f.boolean("reproducible");
  s.generation = static_cast<uint32_t>(f.natural_or("generation", 0));
  return s;
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::vector<ShardFile> read_files(const json& list, const Path& file) {
  std::vector<ShardFile> files;
  std::set<std::string> seen;
  for (const json& value : list) {
    const JsonFields f(value, file, "files[" + std::to_string(files.size()) + "]");
    ShardFile shard{f.text("name"), f.natural("bytes"), f.text("sha256")};
    if (!is_plain_name(shard.name) || shard.name == kManifestName) {
      f.fail("name", "is '" + shard.name + "', not a plain file name");
    }
    if (!seen.insert(shard.name).second)
      f.fail("name", "is '" + shard.name + "' for the second time");
    if (!is_sha256(shard.sha256)) f.fail("sha256", "is not 64 hexadecimal digits");
    files.push_back(std::move(shard));
  }
  return files;
}

void read_tensors(const json& list, const Path& file, Manifest& out) {
  std::set<std::string> files, seen;
  for (const ShardFile& f : out.files) files.insert(f.name);
  for (const json& value : list) {
    const JsonFields f(value, file, "tensors[" + std::to_string(out.tensors.size()) + "]");
    const std::string& name = f.text("name");
    const auto dtype = from_safetensors_name(f.text("dtype"));
    if (!dtype) f.fail("dtype", "is '" + f.text("dtype") + "', which is not supported");
    const std::string& holder = f.text("file");
    if (!files.contains(holder)) f.fail("file", "is '" + holder + "', which 'files' does not list");
    if (!seen.insert(name).second) f.fail("name", "is '" + name + "' for the second time");
    TensorMeta meta{name, shape_of(f, "shape"), *dtype};
    (void)checked_bytes(f, "shape", meta.shape, meta.dtype);
    out.tensors.emplace_back(std::move(meta), holder);
  }
}

}  // namespace

bool is_plain_name(const std::string& name) {
  const auto is_bad = [](char c) {
    return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  };
  return !name.empty() && name.size() < 256 && name.front() != '.' &&
         std::none_of(name.begin(), name.end(), is_bad);
}

Manifest parse_manifest(const std::string& text, const Path& file) {
  check_seal(text, file);
  const json root = parse_strict(text, file, 0);
  const JsonFields f(root, file, "");
  if (f.text("format") != "trireme-checkpoint") {
    f.fail("format", "is '" + f.text("format") + "', not 'trireme-checkpoint'");
  }
  Manifest m;
  const int64_t version = f.integer("version", 1);
  if (version != kManifestVersion && version != kVersionWithParts) {
    throw FormatError(file.string() + ": field 'version' is " + std::to_string(version) +
                          ", this program reads " + std::to_string(kManifestVersion) + " and " +
                          std::to_string(kVersionWithParts),
                      "read it with the version of trireme that wrote it");
  }
  m.version = static_cast<int>(version);
  m.created = f.text("created");
  m.state = read_state(f.object("state"));
  m.files = read_files(f.array("files"), file);
  read_tensors(f.array("tensors"), file, m);
  return m;
}

}  // namespace trireme
