#pragma once
// What worker 0 says to servers of where a checkpoint is, or will be.

#include <string>

#include "base/file.h"

namespace trireme {

// To save into: a folder; to see whether a server has the same file system: a file, and the words
// that have to be in it. To restore from: a checkpoint, and the SHA-256 of its manifest.
struct SavePlace {
  Path path;
  std::string words = {};
  std::string text() const { return path.string() + "\n" + words; }
  static SavePlace from(const std::string& text) {
    const size_t end = text.rfind('\n');
    return {text.substr(0, end), end == std::string::npos ? "" : text.substr(end + 1)};
  }
};

}  // namespace trireme
