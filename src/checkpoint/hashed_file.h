#pragma once
// A new file, hashed while it is written.

#include <memory>
#include <span>
#include <string_view>

#include "base/file.h"
#include "base/sha256.h"
#include "base/spare_time.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/spare_hash.h"
#include "tensor/buffer.h"

namespace trireme {

// Hands the system whole blocks, hashed in spare time while they are in a core's cache, past the
// page cache.
// Nothing is visible under `path` before finish(), which syncs it to disk. Throws DataError as
// AtomicFile does.
class HashedFile {
 public:
  static constexpr size_t kBlock = size_t{2} << 20;  // a huge page
  explicit HashedFile(const Path& path);
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  WrittenFile finish();  // once

 private:
  void append(std::span<const std::byte> bytes);
  void hash();
  void put();
  AtomicFile file_;
  SpareTime spare_{kBlock / kHashedBytesASecond};
  Sha256 hash_;
  AlignedBuffer buffer_;
  size_t used_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace trireme
