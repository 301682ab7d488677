#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/sha256.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"
#include "checkpoint/parts.h"
#include "checkpoint/safetensors.h"

namespace trireme {
namespace {

namespace fs = std::filesystem;
const char* const kHint =
    "use another checkpoint of the run; `trireme ckpt verify` lists every problem";

[[noreturn]] void fail(const Path& file, const std::string& what) {
  throw FormatError(file.string() + ": " + what, kHint);
}

Manifest load_manifest(const Path& checkpoint) {
  const Path file = checkpoint / kManifestName;
  const auto status = fs::symlink_status(file);
  if (!fs::exists(status)) fail(file, "the manifest is missing");
  if (!fs::is_regular_file(status)) fail(file, "is not a regular file");
  return parse_manifest(read_text(file), file);
}

// A listed file: there, plain, of the stated size and (`hash`) contents.
void check_bytes(const Path& file, const ShardFile& listed, bool hash) {
  const auto status = fs::symlink_status(file);
  if (!fs::exists(status)) fail(file, "the file is missing");
  if (!fs::is_regular_file(status)) fail(file, "is not a regular file");
  const uint64_t size = fs::file_size(file);
  if (size != listed.bytes) {
    fail(file, "has " + std::to_string(size) + " bytes, the manifest says " +
                   std::to_string(listed.bytes) +
                   (size < listed.bytes ? "; it is cut at byte " + std::to_string(size) : ""));
  }
  if (!hash) return;
  const std::string found = sha256_file(file.string()).hex();
  if (found != listed.sha256) {
    fail(file, "bytes 0.." + std::to_string(size) + " hash to SHA-256 " + found +
                   ", the manifest says " + listed.sha256);
  }
}

// The file's own header must say what the manifest says of it.
void check_tensors(const Path& file, const SafetensorsReader& reader, const Manifest& manifest) {
  size_t listed = 0;
  for (const auto& [meta, holder] : manifest.tensors) {
    if (holder != file.filename()) continue;
    ++listed;
    const TensorMeta* found = reader.find(meta.name);
    if (!found) fail(file, "tensor '" + meta.name + "' of the manifest is not in it");
    if (found->shape != meta.shape || found->dtype != meta.dtype) {
      fail(file, "tensor '" + meta.name + "' is " + found->shape.str() + " " +
                     std::string(name_of(found->dtype)) + ", the manifest says " +
                     meta.shape.str() + " " + std::string(name_of(meta.dtype)));
    }
  }
  if (reader.tensors().size() != listed) {
    fail(file, "holds " + std::to_string(reader.tensors().size()) +
                   " tensors, the manifest lists " + std::to_string(listed));
  }
}

std::unique_ptr<SafetensorsReader> open_shard(const Path& checkpoint, const Manifest& manifest,
                                              const ShardFile& listed, bool hash) {
  const Path file = checkpoint / listed.name;
  check_bytes(file, listed, hash);
  auto reader = std::make_unique<SafetensorsReader>(file);
  check_tensors(file, *reader, manifest);
  return reader;
}

}  // namespace

struct CheckpointReader::Impl {
  Path path;
  Manifest manifest;
  std::unordered_map<std::string, std::unique_ptr<SafetensorsReader>> shards;  // by file name
  std::unordered_map<std::string_view, size_t> index;  // name -> manifest.tensors
  std::vector<TensorMeta> whole;
  std::unordered_map<std::string, int> parts;  // by the whole tensor's name
};

CheckpointReader::CheckpointReader(Path checkpoint, bool verify) : impl_(std::make_unique<Impl>()) {
  impl_->path = std::move(checkpoint);
  impl_->manifest = load_manifest(impl_->path);
  const Manifest& m = impl_->manifest;
  for (const ShardFile& f : m.files) {
    impl_->shards[f.name] = open_shard(impl_->path, m, f, verify);
  }
  for (size_t i = 0; i < m.tensors.size(); ++i) impl_->index[m.tensors[i].first.name] = i;
  impl_->whole = trireme::whole_tensors(m, impl_->path / kManifestName);
  for (const auto& [meta, file] : m.tensors) ++impl_->parts[parse_part(meta.name).tensor];
}

CheckpointReader::~CheckpointReader() = default;
const Manifest& CheckpointReader::manifest() const { return impl_->manifest; }
const Path& CheckpointReader::path() const { return impl_->path; }

const TensorMeta* CheckpointReader::find(std::string_view name) const {
  const auto it = impl_->index.find(name);
  return it == impl_->index.end() ? nullptr : &impl_->manifest.tensors[it->second].first;
}

const std::vector<TensorMeta>& CheckpointReader::whole_tensors() const { return impl_->whole; }

const TensorMeta* CheckpointReader::find_whole(std::string_view name) const {
  const auto it = std::ranges::lower_bound(impl_->whole, name, {}, &TensorMeta::name);
  return it == impl_->whole.end() || it->name != name ? nullptr : &*it;
}

int CheckpointReader::parts(const std::string& tensor) const {
  const auto it = impl_->parts.find(tensor);
  return it == impl_->parts.end() ? 0 : it->second;
}

std::span<const std::byte> CheckpointReader::data(const TensorMeta& tensor) const {
  const auto it = impl_->index.find(tensor.name);
  if (it == impl_->index.end()) {
    fail(impl_->path, "there is no tensor '" + tensor.name + "' in the checkpoint");
  }
  const auto& [meta, holder] = impl_->manifest.tensors[it->second];
  return impl_->shards.at(holder)->data(meta);
}

void CheckpointReader::read(const TensorMeta& tensor, std::span<std::byte> out) const {
  const auto bytes = data(tensor);
  if (bytes.size() != out.size()) {
    const std::string& holder = impl_->manifest.tensors[impl_->index.at(tensor.name)].second;
    fail(impl_->path / holder, "tensor '" + tensor.name + "' (" + tensor.shape.str() + ") has " +
                                   std::to_string(bytes.size()) + " bytes, " +
                                   std::to_string(out.size()) + " were asked for");
  }
  std::copy(bytes.begin(), bytes.end(), out.begin());
}

std::vector<std::string> verify_checkpoint(const Path& checkpoint) {
  std::vector<std::string> problems;
  const auto attempt = [&problems](const auto& check) {
    try {
      check();
    } catch (const Error& e) {  // a problem is this function's result, not its failure
      problems.emplace_back(e.what());
    }
  };
  Manifest manifest;
  attempt([&] {
    manifest = load_manifest(checkpoint);
    (void)whole_tensors(manifest, checkpoint / kManifestName);
  });
  for (const ShardFile& f : manifest.files) {
    attempt([&] { (void)open_shard(checkpoint, manifest, f, true); });
  }
  return problems;
}

}  // namespace trireme
