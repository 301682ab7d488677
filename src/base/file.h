#pragma once
// Files that are either whole or not there.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace trireme {

using Path = std::filesystem::path;

// The whole file. Throws DataError with path, operation and the system's reason.
std::string read_text(const Path& path);
std::vector<std::byte> read_bytes(const Path& path);

// Calls `use` with one piece of the file after another; at most 1 MiB each. Throws as read_text.
void for_each_piece(const Path& path, const std::function<void(std::span<const std::byte>)>& use);

// Writes to a temporary name beside `path`, fsyncs it, renames it over `path`, fsyncs the folder.
// Throws DataError (no space, no permission); then `path` is untouched and the temporary is
// removed.
void write_atomic(const Path& path, std::span<const std::byte> bytes);
void write_atomic(const Path& path, std::string_view text);

// fsync of a folder, so that a rename inside it survives a crash.
void sync_folder(const Path& folder);

// A file being written piece by piece, one after the other or each to its place; nothing is visible
// under `path` before commit().
// The destructor of an uncommitted file removes its temporary.
class AtomicFile {
 public:
  // past_cache: write() of whole kDirectBlocks, from memory aligned to one, goes to the disk
  // without a copy in the system's page cache, which takes a pass over memory and new pages. From
  // the first write that is not so, and where the file system refuses, all goes through the cache.
  enum class Through { cache, past_cache };
  static constexpr size_t kDirectBlock = 4096;
  explicit AtomicFile(Path path, Through through = Through::cache);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  void write_at(uint64_t offset, std::span<const std::byte> bytes);
  void commit();  // flush, fsync, rename, fsync of the folder

 private:
  bool is_direct(std::span<const std::byte> bytes) const;
  void use_cache();
  Path path_, temporary_;
  int fd_ = -1;
  bool direct_ = false;
};

// Read-only map of a whole file. An empty file maps to an empty span.
class MappedFile {
 public:
  explicit MappedFile(const Path& path);  // throws DataError
  ~MappedFile();
  MappedFile(MappedFile&&) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace trireme
