#pragma once
// A copy of flat buffers, given out as logical tensors: what a checkpoint's writer streams from.

#include <memory>
#include <string>
#include <vector>

#include "checkpoint/state.h"
#include "tensor/param_table.h"

namespace trireme {

// Buffers of finished snapshots, kept for the next: their pages are mapped, so a copy is only a
// copy. One snapshot at a time gives them back from the writer's thread, before the next is taken.
using BufferPool = std::vector<AlignedBuffer>;

class FlatState final : public StateSource {
 public:
  // The tables given to add() must outlive this.
  explicit FlatState(std::shared_ptr<BufferPool> pool) : pool_(std::move(pool)) {}
  ~FlatState() override;
  // Copies table.size() floats; tensor names are prefix + slot name.
  void add(const std::string& prefix, const ParamTable& table, const float* flat);
  const std::vector<TensorMeta>& list() const override { return list_; }
  void read(const TensorMeta& tensor, std::span<std::byte> out) override;

 private:
  struct Entry {
    std::string name;
    const Slot* slot;
    size_t buffer;
  };

  std::shared_ptr<BufferPool> pool_;
  std::vector<AlignedBuffer> buffers_;
  std::vector<Entry> entries_;
  std::vector<TensorMeta> list_;
};

}  // namespace trireme
