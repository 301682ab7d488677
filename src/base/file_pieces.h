#pragma once
// A file that others may write, too, on this host and on others: pieces to their places.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/file.h"

namespace trireme {

// All of it throws DataError.
class FilePieces {
 public:
  explicit FilePieces(Path path);     // of a file that is there
  static FilePieces make(Path path);  // of one that was not
  ~FilePieces();
  FilePieces(FilePieces&&) noexcept;
  FilePieces& operator=(FilePieces&&) = delete;
  void write_at(uint64_t offset, std::span<const std::byte> bytes);
  void close();  // once, or
  void sync();   // to disk what this host has written, and close()

 private:
  FilePieces(Path path, int flags);
  Path path_;
  int fd_ = -1;
};

}  // namespace trireme
