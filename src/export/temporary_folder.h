#pragma once
// A folder that appears whole under its final name or not at all.

#include "base/file.h"

namespace trireme {

class TemporaryFolder {
 public:
  // Creates FINAL.tmp-PID. ConfigError when FINAL exists; DataError when the folder cannot be made.
  explicit TemporaryFolder(Path final_path);
  ~TemporaryFolder();  // removes what was not published
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const Path& path() const { return path_; }
  // Renames to the final name, never over anything (ConfigError), and syncs the parent.
  void publish();

 private:
  Path final_, path_;
  bool published_ = false;
};

}  // namespace trireme
