#include <algorithm>
#include <set>

#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/folder.h"

namespace trireme {
namespace {

// A damaged best.json must not stop the run; it protects nothing until the next best is marked.
std::optional<Path> protected_best(const Path& folder) {
  try {
    return best_checkpoint(folder);
  } catch (const std::exception& e) {
    log_warning("the best checkpoint is not known, rotation ignores it: {}", e.what());
    return std::nullopt;
  }
}

}  // namespace

void rotate_checkpoints(const Path& folder, int64_t keep, const Path& whole) {
  const std::vector<Path> all = list_checkpoints(folder);
  const auto kept = static_cast<size_t>(std::max<int64_t>(keep, 0));
  if (all.size() <= kept) return;
  std::set<Path> stay(all.end() - static_cast<int64_t>(kept), all.end());
  if (const auto best = protected_best(folder)) stay.insert(*best);
  const bool any_goes =
      std::any_of(all.begin(), all.end(), [&](const Path& p) { return !stay.contains(p); });
  if (!any_goes) return;
  // Throws when none is whole: then the damaged ones are all there is, and nothing is removed.
  stay.insert(whole.empty() ? *newest_good_checkpoint(folder) : whole);
  for (const Path& checkpoint : all) {
    if (stay.contains(checkpoint)) continue;
    // Under its old name a half-removed folder would look like a damaged checkpoint.
    const Path dying = checkpoint.string() + ".tmp-removed";
    rename_path(checkpoint, dying);
    remove_tree(dying);
  }
  sync_folder(folder);
}

}  // namespace trireme
