#include "base/file_calls.h"

#include <unistd.h>

#include <string>
#include <system_error>

#include "base/error.h"

namespace trireme {
namespace {

std::string hint_for(int reason) {
  switch (reason) {
    case ENOSPC:
    case EDQUOT:
      return "free space on that file system";
    case EACCES:
    case EPERM:
    case EROFS:
      return "check the permissions of the file and its folder";
    case ENOENT:
      return "check the path";
    default:
      return {};
  }
}

}  // namespace

void fail_file(const char* operation, const Path& path, int reason) {
  throw DataError("cannot " + std::string(operation) + " " + path.string() + ": " +
                      std::generic_category().message(reason),
                  hint_for(reason));
}

void write_all_at(int fd, const Path& path, uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(put));
      offset += static_cast<uint64_t>(put);
    } else if (errno != EINTR) {
      fail_file("write", path);
    }
  }
}

}  // namespace trireme
