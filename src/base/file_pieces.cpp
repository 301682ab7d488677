#include "base/file_pieces.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "base/file_calls.h"

namespace trireme {

// Write-only: a network file system then never sends bytes of a page that this host did not write.
FilePieces::FilePieces(Path path, int flags) : path_(std::move(path)) {
  do fd_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666);
  while (fd_ < 0 && errno == EINTR);
  if (fd_ < 0) fail_file("open", path_);
}

FilePieces::FilePieces(Path path) : FilePieces(std::move(path), 0) {}

FilePieces FilePieces::make(Path path) { return FilePieces(std::move(path), O_CREAT | O_EXCL); }

FilePieces::~FilePieces() {
  if (fd_ >= 0) (void)::close(fd_);
}

FilePieces::FilePieces(FilePieces&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

void FilePieces::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  write_all_at(fd_, path_, offset, bytes);
}

void FilePieces::sync() {
  if (::fsync(fd_) != 0) fail_file("sync", path_);
  close();
}

void FilePieces::close() {
  if (::close(std::exchange(fd_, -1)) != 0) fail_file("close", path_);
}

}  // namespace trireme
