#pragma once
// One process at a time for a folder.

#include "base/file.h"

namespace trireme {

// Held from construction to destruction, and no longer than the process lives: it leaves no file.
// Where the file system has no such locks (some network ones), nothing is held.
class FolderLock {
 public:
  // Waits up to `seconds` for a holder that is about to end. Throws DataError when it still holds.
  FolderLock(const Path& folder, double seconds);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_ = -1;
};

}  // namespace trireme
