#include "checkpoint/hashed_file.h"

#include <algorithm>
#include <cstring>

namespace trireme {

HashedFile::HashedFile(const Path& path)
    : file_(path, AtomicFile::Through::past_cache), buffer_(kBlock) {
  static_assert(kBlock % AtomicFile::kDirectBlock == 0);
}

void HashedFile::write(std::span<const std::byte> bytes) {
  bytes_ += bytes.size();
  while (!bytes.empty()) {
    const auto next = bytes.first(std::min(bytes.size(), kBlock - used_));
    bytes = bytes.subspan(next.size());
    if (used_ + next.size() < kBlock) return append(next);
    spare_.run([&] {  // nearly all the processor time of a file
      append(next);
      hash();
    });
    put();
  }
}

void HashedFile::append(std::span<const std::byte> bytes) {
  std::memcpy(buffer_.data() + used_, bytes.data(), bytes.size());
  used_ += bytes.size();
}

void HashedFile::hash() { hash_.update(std::span<const std::byte>(buffer_.data(), used_)); }

void HashedFile::put() {
  file_.write(std::span<const std::byte>(buffer_.data(), used_));
  used_ = 0;
}

WrittenFile HashedFile::finish() {
  hash();
  put();
  file_.commit();
  return {bytes_, hash_.finish().hex()};
}

}  // namespace trireme
