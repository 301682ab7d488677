#include "checkpoint/pending.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file_pieces.h"
#include "checkpoint/folder.h"
#include "checkpoint/manifest.h"
#include "checkpoint/parts.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/shards.h"
#include "checkpoint/spare_hash.h"

namespace trireme {
namespace {

namespace fs = std::filesystem;

void make_folder(const Path& path) {
  std::error_code code;
  fs::create_directories(path, code);
  if (!code) return;
  throw DataError("cannot create the folder " + path.string() + ": " + code.message(),
                  "check the path, its permissions and the free space");
}

void remove_leftovers(const Path& folder) {
  for (const Path& entry : entries_of(folder)) {
    if (is_leftover(entry.filename().string())) remove_tree(entry);
  }
}

// Of what several have written together, this host among them.
void sync_and_hash(const Path& path, ShardFile& file) {
  FilePieces(path).sync();
  file.sha256 = hash_in_spare_time(path);
  file.bytes = fs::file_size(path);
}

}  // namespace

PendingCheckpoint::PendingCheckpoint(const Path& folder, int64_t step)
    : final_(folder / step_name(step)),
      path_(final_.string() + ".tmp-" + std::to_string(::getpid())) {
  make_folder(folder);
  remove_leftovers(folder);
  make_folder(path_);
}

PendingCheckpoint::~PendingCheckpoint() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

// A checkpoint of the same step (left from before a resume) is exchanged for the new one in one
// move, where the file system can, and then removed.
void PendingCheckpoint::publish() {
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

Path PendingCheckpoint::seal(StateSource& source, const RunState& state, const SaveOptions& options,
                             const Others& others) {
  Manifest manifest;
  manifest.version = kManifestVersion;
  manifest.state = state;
  manifest.created = utc_now();
  const auto add = [&manifest](ShardFile file, const std::vector<TensorMeta>& tensors) {
    for (const TensorMeta& t : tensors) {
      manifest.tensors.emplace_back(t, file.name);
      if (parse_part(t.name).parts > 1) manifest.version = kVersionWithParts;
    }
    manifest.files.push_back(std::move(file));
  };
  const auto shards = cut_shards(source.list(), options.max_shard_bytes);
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name("tensors", i, shards.size());
    const WrittenFile written = write_safetensors(path_ / name, shards[i], source, {});
    add({name, written.bytes, written.sha256}, shards[i]);
  }
  if (others)
    for (WrittenPart& part : others()) {
      if (part.file.sha256.empty()) sync_and_hash(path_ / part.file.name, part.file);
      add(part.file, part.tensors);
    }
  write_atomic(path_ / kManifestName, manifest_text(manifest));
  publish();
  return final_;
}

}  // namespace trireme
