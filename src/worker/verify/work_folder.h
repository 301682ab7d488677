#pragma once
// The temporary folder of a verification, and what its trainings leave in it.

#include "base/file.h"

namespace trireme {

// A new folder trireme-verify-XXXXXX, removed with all that is in it unless keep() was called.
class WorkFolder {
 public:
  WorkFolder();  // throws DataError
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const Path& path() const { return path_; }
  void keep() { kept_ = true; }

 private:
  Path path_;
  bool kept_ = false;
};

// The one run directory in `dir`, the run.dir of one training; empty: it made none.
Path run_of(const Path& dir);

// That run's newest whole checkpoint; empty: none.
Path last_checkpoint(const Path& dir);

}  // namespace trireme
