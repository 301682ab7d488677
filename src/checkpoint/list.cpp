#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/folder.h"
#include "checkpoint/manifest.h"
#include "checkpoint/strict_json.h"

namespace trireme {
namespace {

namespace fs = std::filesystem;

bool is_checkpoint(const Path& path) {
  return step_of(path.filename().string()) && fs::is_directory(fs::symlink_status(path));
}

}  // namespace

std::vector<Path> list_checkpoints(const Path& folder) {
  std::vector<Path> found = entries_of(folder);
  std::erase_if(found, [](const Path& p) { return !is_checkpoint(p); });
  std::sort(found.begin(), found.end(), [](const Path& a, const Path& b) {
    return *step_of(a.filename().string()) < *step_of(b.filename().string());
  });
  return found;
}

std::optional<Path> newest_good_checkpoint(const Path& folder) {
  const std::vector<Path> all = list_checkpoints(folder);
  std::vector<std::string> bad;
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    const std::vector<std::string> problems = verify_checkpoint(*it);
    if (problems.empty()) return *it;
    bad.push_back(it->filename().string() + " (" + join(problems, "; ") + ")");
    log_warning("checkpoint {} is not whole and is passed over: {}", it->string(),
                join(problems, "; "));
  }
  if (all.empty()) return std::nullopt;
  throw FormatError(folder.string() + ": none of " + std::to_string(all.size()) +
                        " checkpoints is whole: " + join(bad, ", "),
                    "restore one from a copy, or start the run anew");
}

void mark_best(const Path& folder, const Path& checkpoint) {
  const nlohmann::ordered_json best = {{"checkpoint", checkpoint.filename().string()}};
  write_atomic(folder / kBestName, best.dump() + "\n");
}

std::optional<Path> best_checkpoint(const Path& folder) {
  const Path file = folder / kBestName;
  if (!fs::exists(file)) return std::nullopt;
  const nlohmann::json root = parse_strict(read_text(file), file, 0);
  const JsonFields fields(root, file, "");
  const std::string& name = fields.text("checkpoint");
  if (!step_of(name)) fields.fail("checkpoint", "is '" + name + "', not the name of a checkpoint");
  if (!is_checkpoint(folder / name)) fields.fail("checkpoint", "is '" + name + "', which is gone");
  return folder / name;
}

Path resolve_checkpoint(const std::string& what) {
  const Path path(what);
  const Path bare = path.has_filename() ? path : path.parent_path();  // "RUN/" is RUN
  if (fs::exists(bare / kManifestName) || is_checkpoint(bare)) return bare;
  const Path inner = bare / "checkpoints";
  const Path folder = fs::is_directory(inner) ? inner : bare;
  if (!fs::is_directory(folder)) {
    throw DataError(what + ": there is no such folder",
                    "name a run directory, its checkpoints folder or one checkpoint");
  }
  if (const auto newest = newest_good_checkpoint(folder)) return *newest;
  throw DataError(what + ": there is no checkpoint in " + folder.string(),
                  "name a run that has saved; checkpoint.every_epochs and every_steps say when");
}

}  // namespace trireme
