#include "worker/verify/work_folder.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "checkpoint/checkpoint.h"

namespace trireme {

namespace fs = std::filesystem;

WorkFolder::WorkFolder() {
  std::string name = (fs::temp_directory_path() / "trireme-verify-XXXXXX").string();
  if (!mkdtemp(name.data()))
    throw DataError(fmt::format("cannot make the folder {}: {}", name, std::strerror(errno)),
                    "set TMPDIR to a folder that you may write to");
  path_ = name;
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  if (!kept_) fs::remove_all(path_, ignored);
}

Path run_of(const Path& dir) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(dir, none)) return entry.path();
  return {};
}

Path last_checkpoint(const Path& dir) {
  const Path run = run_of(dir);
  if (run.empty() || !fs::is_directory(run / "checkpoints")) return {};
  return newest_good_checkpoint(run / "checkpoints").value_or(Path());
}

}  // namespace trireme
