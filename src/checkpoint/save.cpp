#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/folder.h"
#include "checkpoint/manifest.h"
#include "checkpoint/safetensors.h"

namespace trireme {
namespace {

namespace fs = std::filesystem;

// A new folder under a temporary name; removed again unless published.
class PendingFolder {
 public:
  explicit PendingFolder(const Path& final_path)
      : final_(final_path), path_(final_path.string() + ".tmp-" + std::to_string(::getpid())) {
    make_folder(path_);
  }
  ~PendingFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  PendingFolder(const PendingFolder&) = delete;
  PendingFolder& operator=(const PendingFolder&) = delete;
  const Path& path() const { return path_; }

  // Everything in it is on disk; gives it its final name. A checkpoint of the same step (left from
  // before a resume) is exchanged for it in one move, where the file system can, and then removed.
  void publish() {
    sync_folder(path_);
    if (fs::exists(fs::symlink_status(final_)) &&
        ::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, final_.c_str(), RENAME_EXCHANGE) == 0) {
      sync_folder(final_.parent_path());
      remove_tree(path_);
    } else {
      remove_tree(final_);
      rename_path(path_, final_);
    }
    path_.clear();
    sync_folder(final_.parent_path());
  }

  static void make_folder(const Path& path) {
    std::error_code code;
    fs::create_directories(path, code);
    if (!code) return;
    throw DataError("cannot create the folder " + path.string() + ": " + code.message(),
                    "check the path, its permissions and the free space");
  }

 private:
  Path final_, path_;
};

void remove_leftovers(const Path& folder) {
  for (const Path& entry : entries_of(folder)) {
    if (is_leftover(entry.filename().string())) remove_tree(entry);
  }
}

// Tensors by name, cut into files of at most max_bytes (a larger tensor has a file of its own).
std::vector<std::vector<TensorMeta>> cut_shards(std::vector<TensorMeta> tensors, size_t max_bytes) {
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorMeta& a, const TensorMeta& b) { return a.name < b.name; });
  std::vector<std::vector<TensorMeta>> shards(1);
  size_t used = 0;
  for (TensorMeta& t : tensors) {
    const size_t bytes = t.bytes();
    if (!shards.back().empty() && bytes > max_bytes - std::min(used, max_bytes)) {
      shards.emplace_back();
      used = 0;
    }
    used += bytes;
    shards.back().push_back(std::move(t));
  }
  return shards;
}

std::string shard_name(size_t index, size_t count) {
  char text[64];
  std::snprintf(text, sizeof text, "tensors-%05zu-of-%05zu.safetensors", index + 1, count);
  return text;
}

}  // namespace

Path save_checkpoint(const Path& folder, StateSource& source, const RunState& state,
                     const SaveOptions& options) {
  if (!options.tag.empty() && options.tag != "best") {
    throw ConfigError("unknown checkpoint tag '" + options.tag + "'", "use \"\" or \"best\"");
  }
  PendingFolder::make_folder(folder);
  remove_leftovers(folder);
  const Path final_path = folder / step_name(state.step);
  PendingFolder pending(final_path);

  Manifest manifest;
  manifest.version = kManifestVersion;
  manifest.state = state;
  manifest.created = utc_now();
  const auto shards = cut_shards(source.list(), options.max_shard_bytes);
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(i, shards.size());
    const WrittenFile written = write_safetensors(pending.path() / name, shards[i], source, {});
    manifest.files.push_back({name, written.bytes, written.sha256});
    for (const TensorMeta& t : shards[i]) manifest.tensors.emplace_back(t, name);
  }
  write_atomic(pending.path() / kManifestName, manifest_text(manifest));
  pending.publish();
  if (options.tag == "best") mark_best(folder, final_path);
  return final_path;
}

}  // namespace trireme
