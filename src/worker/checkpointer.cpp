#include "worker/checkpointer.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "base/log.h"

namespace trireme {
namespace {
constexpr int kWriterNice = 10;          // of the writer's thread, as nice(1) counts
constexpr double kSecondsBetween = 0.1;  // of asking others how far they are, while steps go on
constexpr auto kPause = std::chrono::milliseconds(5);  // likewise, when nothing else is to be done
}  // namespace

size_t shard_bytes(const CheckpointConfig& config) {
  return static_cast<size_t>(config.max_shard_mib * (1 << 20));
}

Checkpointer::Checkpointer(Path folder, int64_t keep, size_t max_shard_bytes)
    : folder_(std::move(folder)), keep_(keep), max_shard_bytes_(max_shard_bytes) {}

Checkpointer::~Checkpointer() {
  written_ = {};  // a writer that waits for it gives up
  if (writer_.joinable()) writer_.join();
}

Path Checkpointer::begin(int64_t step) {
  finish();
  pending_ = std::make_unique<PendingCheckpoint>(folder_, step);
  return pending_->path();
}

void Checkpointer::save(Snapshot snapshot, RunState state, bool best) {
  PendingCheckpoint::Others others;
  if (snapshot.others) {
    written_ = {};
    others = [written = std::make_shared<std::future<std::vector<WrittenPart>>>(
                  written_.get_future())] { return written->get(); };  // a function is copied
    others_ = std::move(snapshot.others);
    looked_ = Clock::now();
  }
  writer_ = std::thread([this, pending = std::move(pending_), source = std::move(snapshot.state),
                         state = std::move(state), best, others = std::move(others)] {
    try {
      source->capture();  // the next update waits for it; the rest is less urgent than steps
      ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kWriterNice);
      const auto start = Clock::now();
      const Path path = pending->seal(*source, state, {max_shard_bytes_, ""}, others);
      if (best) mark_best(folder_, path);
      rotate_checkpoints(folder_, keep_, path);
      log_debug("checkpoint {} written in {:.2f} s", path.filename().string(),
                seconds_since(start));
    } catch (...) {
      error_ = std::current_exception();
    }
  });
}

void Checkpointer::ask_others() {
  looked_ = Clock::now();
  auto parts = others_->look();
  if (!parts) return;
  others_.reset();
  written_.set_value(std::move(*parts));
}

void Checkpointer::look() {
  if (others_ && seconds_since(looked_) >= kSecondsBetween) ask_others();
}

void Checkpointer::finish() {
  while (others_) {
    ask_others();
    if (others_) std::this_thread::sleep_for(kPause);
  }
  if (writer_.joinable()) writer_.join();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace trireme
