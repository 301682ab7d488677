#include "worker/checkpointer.h"

#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace trireme {

Checkpointer::Checkpointer(Path folder, int64_t keep, size_t max_shard_bytes)
    : folder_(std::move(folder)), keep_(keep), max_shard_bytes_(max_shard_bytes) {}

Checkpointer::~Checkpointer() {
  if (writer_.joinable()) writer_.join();
}

void Checkpointer::save(std::unique_ptr<StateSource> snapshot, RunState state, bool best) {
  finish();
  writer_ = std::thread([this, snapshot = std::move(snapshot), state = std::move(state), best] {
    try {
      const auto start = Clock::now();
      const Path path =
          save_checkpoint(folder_, *snapshot, state, {max_shard_bytes_, best ? "best" : ""});
      rotate_checkpoints(folder_, keep_);
      log_debug("checkpoint {} written in {:.2f} s", path.filename().string(),
                seconds_since(start));
    } catch (...) {
      error_ = std::current_exception();
    }
  });
}

void Checkpointer::finish() {
  if (writer_.joinable()) writer_.join();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace trireme
