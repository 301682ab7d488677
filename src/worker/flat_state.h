#pragma once
// A copy of flat buffers, given out as logical tensors: what a checkpoint's writer streams from.

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/state.h"
#include "tensor/param_table.h"
#include "worker/flat_tensors.h"
#include "worker/training_state.h"

namespace trireme {

// Buffers of finished snapshots, kept for the next: their pages are mapped, so a copy is only a
// copy. One snapshot at a time gives them back from the writer's thread, before the next is taken.
using BufferPool = std::vector<AlignedBuffer>;

// What the owner of the buffers waits for before it changes them.
class CopyPending {
 public:
  void start() { pending_.store(true, std::memory_order_relaxed); }
  void finish() {
    pending_.store(false, std::memory_order_release);
    pending_.notify_all();
  }
  void wait() const { pending_.wait(true, std::memory_order_acquire); }

 private:
  std::atomic<bool> pending_{false};
};

class FlatState final : public StateSource {
 public:
  // `pending` holds from now until the copy is taken, or this is gone.
  FlatState(std::shared_ptr<BufferPool> pool, std::shared_ptr<CopyPending> pending);
  ~FlatState() override;
  FlatState(const FlatState&) = delete;
  FlatState& operator=(const FlatState&) = delete;
  // table.size() floats to copy; tensor names are prefix + slot name. Table and buffer must outlive
  // this.
  void add(const std::string& prefix, const ParamTable& table, const float* flat);
  // table.size() floats to be filled by the caller, before capture(); no copy of them is taken.
  float* room(const std::string& prefix, const ParamTable& table);
  // Takes the copy; the writer's thread calls it, so that the steps go on meanwhile. Once.
  void capture() override;
  const std::vector<TensorMeta>& list() const override { return tensors_.list(); }
  void read(const TensorMeta& tensor, std::span<std::byte> out) override;
  std::span<const std::byte> in_place(const TensorMeta& tensor) const override;

 private:
  std::shared_ptr<BufferPool> pool_;
  std::shared_ptr<CopyPending> pending_;
  struct Part {
    std::span<const float> original;  // empty: `copy` was filled by the caller
    AlignedBuffer copy;
  };
  std::vector<Part> parts_;
  FlatTensors tensors_;
};

// Fills a flat buffer from logical tensors named prefix + slot; what `read` lacks stays as it is.
void restore_flat(const TrainingState::TensorReader& read, const std::string& prefix,
                  const ParamTable& table, float* flat);

}  // namespace trireme
