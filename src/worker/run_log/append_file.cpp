#include "worker/run_log/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/error.h"

namespace trireme {

namespace {

[[noreturn]] void fail(const char* operation, const Path& path, int reason) {
  throw DataError("cannot " + std::string(operation) + " " + path.string() + ": " +
                      std::generic_category().message(reason),
                  "check the space and the permissions of the run directory (run.dir)");
}

}  // namespace

AppendFile::AppendFile(Path path, bool exclusive) : path_(std::move(path)) {
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (exclusive ? O_EXCL : 0);
  fd_ = ::open(path_.c_str(), flags, 0666);
  if (fd_ < 0) fail("open", path_, errno);
}

AppendFile::~AppendFile() {
  if (!buffer_.empty()) (void)!::write(fd_, buffer_.data(), buffer_.size());
  (void)::close(fd_);
}

void AppendFile::flush() {
  size_t done = 0;
  int reason = 0;
  while (done < buffer_.size() && reason == 0) {
    const ssize_t put = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (put >= 0) {
      done += static_cast<size_t>(put);
    } else if (errno != EINTR) {
      reason = errno;
    }
  }
  buffer_.erase(0, done);
  if (reason != 0) fail("write", path_, reason);
}

}  // namespace trireme
