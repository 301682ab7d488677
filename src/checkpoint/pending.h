#pragma once
// A checkpoint that is being written, under a temporary name. Others may write files of tensors
// into its folder, too; it is sealed when all of them are on disk.

#include <functional>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace trireme {

// A file of the checkpoint that somebody else has written, and what is in it. Without a hash: it
// is synced and hashed where the checkpoint is sealed.
struct WrittenPart {
  ShardFile file;
  std::vector<TensorMeta> tensors;
};

class PendingCheckpoint {
 public:
  // FOLDER/step-N.tmp-PID; what earlier crashes left there is removed. Throws DataError.
  PendingCheckpoint(const Path& folder, int64_t step);
  ~PendingCheckpoint();  // removes it, unless it was sealed
  PendingCheckpoint(const PendingCheckpoint&) = delete;
  PendingCheckpoint& operator=(const PendingCheckpoint&) = delete;
  const Path& path() const { return path_; }

  // Writes all tensors of `source`, then the manifest with these and what others() has when it
  // returns, then gives the folder its final name, which it returns. state.step: the constructor's.
  // Once; any thread. Throws DataError, FormatError, and what others() throws: then nothing is left
  // under the final name.
  using Others = std::function<std::vector<WrittenPart>()>;
  Path seal(StateSource& source, const RunState& state, const SaveOptions& options,
            const Others& others = {});

 private:
  void publish();
  Path final_, path_;
};

}  // namespace trireme
