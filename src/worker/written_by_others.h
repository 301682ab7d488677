#pragma once
// What those who hold a part of the state write into the folder of a checkpoint, beside what this
// rank writes of it.

#include <memory>
#include <optional>
#include <vector>

#include "checkpoint/pending.h"
#include "checkpoint/state.h"

namespace trireme {

class WrittenByOthers {
 public:
  virtual ~WrittenByOthers() = default;
  // Asks how far they are; between steps, by the step thread. nullopt: something is not on disk
  // yet. Throws CommError naming who has not gone on for too long.
  virtual std::optional<std::vector<WrittenPart>> look() = 0;
};

// What a checkpoint holds as of one moment: what this rank writes, and what others do.
struct Snapshot {
  std::unique_ptr<StateSource> state;
  std::unique_ptr<WrittenByOthers> others;  // null: nobody else writes
};

}  // namespace trireme
