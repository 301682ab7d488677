#pragma once
// A new file, hashed while it is written.

#include <memory>
#include <span>
#include <string_view>

#include "base/file.h"
#include "base/sha256.h"
#include "checkpoint/safetensors.h"
#include "tensor/buffer.h"

namespace trireme {

// Buffers small pieces and hands the system whole, aligned blocks. Nothing is visible under `path`
// before finish(), which syncs it to disk. Throws DataError as AtomicFile does.
class HashedFile {
 public:
  static constexpr size_t kBlock = size_t{4} << 20;
  explicit HashedFile(const Path& path);
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  WrittenFile finish();  // once

 private:
  void flush();
  AtomicFile file_;
  Sha256 hash_;
  AlignedBuffer buffer_;
  size_t used_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace trireme
