#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/pending.h"

namespace trireme {

Path save_checkpoint(const Path& folder, StateSource& source, const RunState& state,
                     const SaveOptions& options) {
  if (!options.tag.empty() && options.tag != "best") {
    throw ConfigError("unknown checkpoint tag '" + options.tag + "'", "use \"\" or \"best\"");
  }
  PendingCheckpoint pending(folder, state.step);
  const Path path = pending.seal(source, state, options);
  if (options.tag == "best") mark_best(folder, path);
  return path;
}

}  // namespace trireme
