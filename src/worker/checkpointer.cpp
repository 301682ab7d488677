#include "worker/checkpointer.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace trireme {
namespace {
constexpr int kWriterNice = 10;  // of the writer's thread, as nice(1) counts
}

Checkpointer::Checkpointer(Path folder, int64_t keep, size_t max_shard_bytes)
    : folder_(std::move(folder)), keep_(keep), max_shard_bytes_(max_shard_bytes) {}

Checkpointer::~Checkpointer() {
  if (writer_.joinable()) writer_.join();
}

void Checkpointer::save(std::unique_ptr<StateSource> snapshot, RunState state, bool best) {
  finish();
  writer_ = std::thread([this, snapshot = std::move(snapshot), state = std::move(state), best] {
    try {
      snapshot->capture();  // the next update waits for it; the rest is less urgent than steps
      ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kWriterNice);
      const auto start = Clock::now();
      const Path path =
          save_checkpoint(folder_, *snapshot, state, {max_shard_bytes_, best ? "best" : ""});
      rotate_checkpoints(folder_, keep_, path);
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
