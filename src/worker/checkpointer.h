#pragma once
// Writes checkpoints in the background on rank 0, one at a time, and keeps the newest and the best.

#include <memory>
#include <string>
#include <thread>

#include "checkpoint/checkpoint.h"

namespace trireme {

class Checkpointer {
 public:
  Checkpointer(Path folder, int64_t keep, size_t max_shard_bytes);
  ~Checkpointer();  // waits for the writer
  // Hands over a snapshot; waits first for a write still under way (call finish() before taking the
  // snapshot, so that it can use the buffers of the one before). `best`: also the one to keep as
  // best.
  void save(std::unique_ptr<StateSource> snapshot, RunState state, bool best);
  // Until the last save is on disk. Rethrows what the writer threw (also done by the next save).
  void finish();

 private:
  Path folder_;
  int64_t keep_;
  size_t max_shard_bytes_;
  std::thread writer_;
  std::exception_ptr error_;
};

}  // namespace trireme
