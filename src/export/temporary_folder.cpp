#include "export/temporary_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "base/error.h"

namespace trireme {
namespace {

[[noreturn]] void refuse_existing(const Path& path) {
  throw ConfigError(fmt::format("{} exists; an export is never overwritten", path.string()),
                    "choose another folder, or remove it");
}

// As rename(2), but fails with EEXIST where something has the name.
int rename_without_overwriting(const Path& from, const Path& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  std::error_code ignored;  // file systems without the flag (NFS): look first, then rename
  if (std::filesystem::exists(std::filesystem::symlink_status(to, ignored))) return EEXIST;
  return rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

}  // namespace

TemporaryFolder::TemporaryFolder(Path final_path)
    : final_(std::filesystem::absolute(final_path).lexically_normal()) {
  if (!final_.has_filename()) final_ = final_.parent_path();
  path_ = final_;
  path_ += fmt::format(".tmp-{}", getpid());
  if (std::filesystem::exists(std::filesystem::symlink_status(final_))) refuse_existing(final_);
  std::error_code error;
  std::filesystem::remove_all(path_, error);  // left over by a dead process that had our number
  std::filesystem::create_directories(path_, error);
  if (error)
    throw DataError(fmt::format("cannot create the folder {}: {}", path_.string(), error.message()),
                    "check the path and its permissions");
}

TemporaryFolder::~TemporaryFolder() {
  if (published_) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void TemporaryFolder::publish() {
  sync_folder(path_);
  const int error = rename_without_overwriting(path_, final_);
  if (error == EEXIST) refuse_existing(final_);
  if (error != 0)
    throw DataError(fmt::format("cannot rename {} to {}: {}", path_.string(), final_.string(),
                                std::strerror(error)));
  published_ = true;
  sync_folder(final_.parent_path());
}

}  // namespace trireme
