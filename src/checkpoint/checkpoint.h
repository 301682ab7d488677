#pragma once
// Saving and loading. A checkpoint is a folder step-00001234/ of safetensors files and
// manifest.json, which is written last, after everything else is on disk. Format: docs/formats.md.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/state.h"
#include "comm/communicator.h"

namespace trireme {

struct SaveOptions {
  size_t max_shard_bytes = size_t{1} << 30;
  std::string tag;  // "", "best": kept apart from the last-K rotation
};

// Writes RunState and all tensors of `source` into FOLDER/step-N (through step-N.tmp-PID, renamed
// at the end). One rank calls it (rank 0, whose node holds the whole state). Throws DataError (disk
// full, unreadable folder): nothing half-written is left under the final name. Returns the
// checkpoint's path.
Path save_checkpoint(const Path& folder, StateSource& source, const RunState& state,
                     const SaveOptions& options);

// Removes all but the newest `keep` checkpoints (and the one named in best.json). Never removes the
// newest good one: it is read back and verified before anything older goes, unless it is `whole`,
// which this process has just written.
void rotate_checkpoints(const Path& folder, int64_t keep, const Path& whole = {});

// Points best.json at a checkpoint of `folder`, atomically; what tag "best" does after saving.
void mark_best(const Path& folder, const Path& checkpoint);
// What best.json points at; nullopt: there is none. Throws FormatError when it is damaged, names
// anything but a checkpoint, or names one that is gone.
std::optional<Path> best_checkpoint(const Path& folder);

// ---- reading
struct ShardFile {
  std::string name;
  uint64_t bytes = 0;
  std::string sha256;
};
struct Manifest {
  int version = 1;
  RunState state;
  std::vector<ShardFile> files;
  std::vector<std::pair<TensorMeta, std::string>> tensors;  // with the file that holds each
  std::string created;
};

class CheckpointReader {
 public:
  // Reads and checks the manifest; `verify`: also sizes and SHA-256 of every file. Throws
  // FormatError.
  CheckpointReader(Path checkpoint, bool verify);
  ~CheckpointReader();
  const Manifest& manifest() const;
  const Path& path() const;
  const TensorMeta* find(std::string_view name) const;
  // Tensors by name, each with all its parts (checkpoint/parts.h), and in how many it lies.
  const std::vector<TensorMeta>& whole_tensors() const;
  const TensorMeta* find_whole(std::string_view name) const;
  int parts(const std::string& tensor) const;  // 0: there is none of this name
  void read(const TensorMeta& tensor, std::span<std::byte> out) const;
  // The tensor as its file is mapped, of any alignment; as long as this object.
  std::span<const std::byte> data(const TensorMeta& tensor) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Checkpoints of a folder by step, newest last; unfinished ones are not listed.
std::vector<Path> list_checkpoints(const Path& folder);
// The newest that verifies; those that do not are named in a warning. nullopt: none at all.
// Throws FormatError when there are some, and none is whole.
std::optional<Path> newest_good_checkpoint(const Path& folder);
// What the user wrote (a run directory, its checkpoints folder, or one checkpoint) as one
// checkpoint; a folder stands for its newest good one. Throws DataError when there is none.
Path resolve_checkpoint(const std::string& what);

// `trireme ckpt inspect|verify|diff`
std::string describe_checkpoint(const Path& checkpoint);  // table of tensors, state, files
std::vector<std::string> verify_checkpoint(const Path& checkpoint);  // problems; empty: whole
struct TensorDifference {
  // "only in A", "only in B", "shape" (or dtype), "values"; of a table's keys "keys"
  std::string name, kind;
  double max_absolute = 0, max_relative = 0;  // |a - b|, and divided by max(|a|, |b|)
  int64_t differing = 0, elements = 0;        // elements whose bits differ
};
// By name; empty: all tensors are equal bit for bit. Tensors of a table are compared by key: those
// of its rows count the rows that both have, that of its keys counts keys that only one has.
std::vector<TensorDifference> diff_checkpoints(const Path& a, const Path& b);
struct TableDifference {
  std::string name;
  int64_t only_in_a = 0, only_in_b = 0, both = 0;  // keys
  int64_t differing = 0;    // rows of both whose values' bits differ; their state is not looked at
  double max_absolute = 0;  // of any value
  int64_t key = 0;          // of the row where that is
};
// Tables that both have, by name, whose keys or rows differ. Reads them where the files are mapped.
std::vector<TableDifference> diff_tables(const Path& a, const Path& b);
// SHA-256 over all model.* tensors and keys and rows of tables, by sorted name (name, shape,
// bytes): what `verify` compares.
std::string weights_hash(const CheckpointReader& checkpoint);

}  // namespace trireme
