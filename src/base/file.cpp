#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/file_calls.h"

namespace trireme {

namespace {

class Descriptor {  // owns one file descriptor
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) (void)::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

int open_for_reading(const Path& path, int flags = 0) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags);
  if (fd < 0) fail_file("open", path);
  return fd;
}

Path folder_of(const Path& path) { return path.has_parent_path() ? path.parent_path() : Path("."); }

}  // namespace

void for_each_piece(const Path& path, const std::function<void(std::span<const std::byte>)>& use) {
  constexpr size_t kPiece = size_t{1} << 20;
  const Descriptor file(open_for_reading(path));
  std::vector<std::byte> piece(kPiece);
  for (;;) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got == 0) return;
    if (got > 0) {
      use({piece.data(), static_cast<size_t>(got)});
    } else if (errno != EINTR) {
      fail_file("read", path);
    }
  }
}

std::string read_text(const Path& path) {
  std::string text;
  for_each_piece(path, [&](std::span<const std::byte> piece) {
    text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  return text;
}

std::vector<std::byte> read_bytes(const Path& path) {
  std::vector<std::byte> bytes;
  for_each_piece(path, [&](std::span<const std::byte> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
  });
  return bytes;
}

void sync_folder(const Path& folder) {
  const Descriptor opened(open_for_reading(folder, O_DIRECTORY));
  // Some network file systems refuse fsync on folders; their rename is already durable.
  if (::fsync(opened.get()) != 0 && errno != EINVAL && errno != ENOTSUP) fail_file("sync", folder);
}

void write_atomic(const Path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void write_atomic(const Path& path, std::string_view text) {
  write_atomic(path, std::as_bytes(std::span(text)));
}

AtomicFile::AtomicFile(Path path, Through through) : path_(std::move(path)) {
  const std::string stem = path_.string() + ".tmp-" + std::to_string(::getpid()) + "-";
  for (int number = 0; fd_ < 0; ++number) {
    temporary_ = stem + std::to_string(number);
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0 && errno != EEXIST && errno != EINTR) fail_file("create", temporary_);
  }
  direct_ = through == Through::past_cache && ::fcntl(fd_, F_SETFL, O_DIRECT) == 0;
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) (void)::close(fd_);
  if (!temporary_.empty()) (void)::unlink(temporary_.c_str());
}

bool AtomicFile::is_direct(std::span<const std::byte> bytes) const {
  return bytes.size() % kDirectBlock == 0 &&
         reinterpret_cast<uintptr_t>(bytes.data()) % kDirectBlock == 0;
}

void AtomicFile::use_cache() {
  direct_ = false;
  if (::fcntl(fd_, F_SETFL, 0) != 0) fail_file("write", temporary_);
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (direct_ && !is_direct(bytes)) use_cache();
    const ssize_t put = ::write(fd_, bytes.data(), bytes.size());
    if (put >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(put));
    } else if (errno == EINVAL && direct_) {
      use_cache();
    } else if (errno != EINTR) {
      fail_file("write", temporary_);
    }
  }
}

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  write_all_at(fd_, temporary_, offset, bytes);
}

void AtomicFile::commit() {
  if (::fsync(fd_) != 0) fail_file("sync", temporary_);
  if (::close(std::exchange(fd_, -1)) != 0) fail_file("close", temporary_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_file("rename a temporary to", path_);
  temporary_.clear();
  sync_folder(folder_of(path_));
}

MappedFile::MappedFile(const Path& path) {
  const Descriptor file(open_for_reading(path));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail_file("inspect", path);
  if (S_ISDIR(status.st_mode)) fail_file("map", path, EISDIR);
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return;
  void* const mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapped == MAP_FAILED) fail_file("map", path);
  data_ = static_cast<const std::byte*>(mapped);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile::~MappedFile() {
  if (data_) (void)::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace trireme
