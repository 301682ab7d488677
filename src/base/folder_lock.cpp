#include "base/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/file_calls.h"

namespace trireme {
namespace {

constexpr auto kPause = std::chrono::milliseconds(50);

}  // namespace

FolderLock::FolderLock(const Path& folder, double seconds) {
  fd_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd_ < 0) fail_file("open", folder);
  const Deadline deadline = deadline_in(seconds);
  while (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return;
    if (Clock::now() >= deadline) {
      (void)::close(fd_);
      throw DataError(folder.string() + " is being written by another process",
                      "wait for it to end, or end it");
    }
    std::this_thread::sleep_for(kPause);
  }
}

FolderLock::~FolderLock() { (void)::close(fd_); }

}  // namespace trireme
