#include "checkpoint/hashed_file.h"

#include <algorithm>
#include <cstring>

namespace trireme {

HashedFile::HashedFile(const Path& path) : file_(path), buffer_(kBlock) {}

void HashedFile::write(std::span<const std::byte> bytes) {
  bytes_ += bytes.size();
  while (!bytes.empty()) {
    if (used_ == 0 && bytes.size() >= kBlock) {  // whole blocks need no copy
      const auto whole = bytes.first(bytes.size() / kBlock * kBlock);
      hash_.update(whole);
      file_.write(whole);
      bytes = bytes.subspan(whole.size());
      continue;
    }
    const size_t n = std::min(bytes.size(), kBlock - used_);
    std::memcpy(buffer_.data() + used_, bytes.data(), n);
    used_ += n;
    bytes = bytes.subspan(n);
    if (used_ == kBlock) flush();
  }
}

void HashedFile::flush() {
  const std::span<const std::byte> filled(buffer_.data(), used_);
  hash_.update(filled);
  file_.write(filled);
  used_ = 0;
}

WrittenFile HashedFile::finish() {
  flush();
  file_.commit();
  return {bytes_, hash_.finish().hex()};
}

}  // namespace trireme
