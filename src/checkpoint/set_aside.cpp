#include "checkpoint/set_aside.h"

#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/folder.h"

namespace trireme {
namespace {

namespace fs = std::filesystem;

int64_t step_at(const Path& checkpoint) { return *step_of(checkpoint.filename().string()); }

// nullopt: none is marked, or not readably; the next best replaces it.
std::optional<int64_t> marked_step(const Path& folder) {
  try {
    const auto best = best_checkpoint(folder);
    return best ? std::optional(step_at(*best)) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

Path free_name(const Path& checkpoint) {
  const std::string stem = checkpoint.string() + ".aside";
  Path name = stem;
  for (int number = 2; fs::exists(fs::symlink_status(name)); ++number)
    name = stem + "-" + std::to_string(number);
  return name;
}

}  // namespace

std::vector<Path> set_aside_newer(const Path& folder, int64_t step, int64_t best_step) {
  const std::vector<Path> all = list_checkpoints(folder);
  if (all.empty() || step_at(all.back()) <= step) return {};
  if (marked_step(folder).value_or(step) > step) {
    const Path best = folder / step_name(best_step);
    mark_best(folder, fs::exists(best) ? best : folder / step_name(step));
  }
  std::vector<Path> aside;
  for (const Path& checkpoint : all) {
    if (step_at(checkpoint) <= step) continue;
    aside.push_back(free_name(checkpoint));
    rename_path(checkpoint, aside.back());
    log_info("a later checkpoint is set aside: {}", aside.back().string());
  }
  sync_folder(folder);
  return aside;
}

}  // namespace trireme
