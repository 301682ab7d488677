#pragma once
// Files of a checkpoint that hold the optimizer's moments, optimizer.MOMENT.SLOT, each tensor whole
// and in its logical order: who writes which part of them leaves no trace. Worker 0 makes them;
// servers put what they hold into its places.

#include <span>
#include <string>
#include <vector>

#include "base/file_pieces.h"
#include "checkpoint/pending.h"
#include "checkpoint/safetensors_layout.h"
#include "tensor/param_table.h"

namespace trireme {

class MomentFiles {
 public:
  // A pure function of its arguments; borrows params. At most max_bytes of data in a file, unless a
  // tensor is larger.
  MomentFiles(const ParamTable& params, std::span<const std::string> moments, size_t max_bytes);

  bool empty() const { return files_.empty(); }
  const ParamTable& params() const { return params_; }
  size_t moments() const { return places_.size(); }
  struct File {
    std::string name;
    SafetensorsLayout layout;
  };
  const std::vector<File>& files() const { return files_; }
  struct Place {
    size_t file;
    uint64_t offset;  // in it, of the tensor's data
  };
  const Place& place(size_t moment, size_t slot) const { return places_[moment][slot]; }

  // With all but their data, of which there are zeros; not synced to disk. Throws DataError.
  void create(const Path& folder) const;
  std::vector<WrittenPart> parts() const;  // without hashes: synced where they are hashed

 private:
  const ParamTable& params_;
  std::vector<File> files_;
  std::vector<std::vector<Place>> places_;  // by moment and slot
};

// Of one writer: pieces of the index space to their places in files that are there.
class MomentPieces {
 public:
  MomentPieces(const MomentFiles& files, const Path& folder);  // throws DataError, as all this does
  // values: of `range`, as they are in memory.
  void write(size_t moment, Range range, const float* values);
  void sync();  // to disk. Once; the last

 private:
  void write_slot(FilePieces& file, uint64_t at, const Slot& slot, Range part, const float* values);

  const MomentFiles& files_;
  std::vector<FilePieces> opened_;
  std::vector<float> logical_;
};

}  // namespace trireme
