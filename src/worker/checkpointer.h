#pragma once
// Writes checkpoints in the background on rank 0, one at a time, and keeps the newest and the best.

#include <future>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/pending.h"
#include "config/experiment.h"
#include "worker/written_by_others.h"

namespace trireme {

// Most bytes of data in a file.
size_t shard_bytes(const CheckpointConfig& config);

class Checkpointer {
 public:
  Checkpointer(Path folder, int64_t keep, size_t max_shard_bytes);
  ~Checkpointer();  // waits for the writer, but not for others: what lacks their part is not sealed
  const Path& folder() const { return folder_; }
  // The folder that the next save(), of this step, writes into; others may, too. Waits first for a
  // write still under way (also so that the snapshot can use the buffers of the one before).
  Path begin(int64_t step);
  // Hands over a snapshot. `best`: also the one to keep as best.
  void save(Snapshot snapshot, RunState state, bool best);
  // Between steps: asks now and then how far others are with what they write.
  void look();
  // Until the last save is on disk. Rethrows what the writer threw (begin() does, too).
  void finish();

 private:
  void ask_others();

  Path folder_;
  int64_t keep_;
  size_t max_shard_bytes_;
  std::unique_ptr<PendingCheckpoint> pending_;  // between begin() and save()
  std::unique_ptr<WrittenByOthers> others_;     // who still write
  std::promise<std::vector<WrittenPart>> written_;
  Clock::time_point looked_;
  std::thread writer_;
  std::exception_ptr error_;
};

}  // namespace trireme
