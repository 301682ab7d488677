#pragma once
// A file that only grows, buffered here and handed to the system when flush() is called.

#include <string>
#include <string_view>

#include "base/file.h"

namespace trireme {

class AppendFile {
 public:
  // Opens or creates `path`. Throws DataError. `exclusive`: it must not exist yet.
  AppendFile(Path path, bool exclusive);
  ~AppendFile();  // flushes what it can
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;
  void append(std::string_view bytes) { buffer_ += bytes; }
  // Throws DataError with the path and the system's reason; what was not written stays buffered.
  void flush();
  const Path& path() const { return path_; }

 private:
  Path path_;
  int fd_ = -1;
  std::string buffer_;
};

}  // namespace trireme
