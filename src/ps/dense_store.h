#pragma once
// The blocks of one server: weights, moments, average, and how many updates each block has had.

#include <cstdint>
#include <vector>

#include "base/spread.h"
#include "optim/optimizer.h"
#include "ps/placement.h"
#include "tensor/buffer.h"

namespace trireme::ps {

class BlockCopy;

class DenseStore {
 public:
  // Borrows all of them. Everything is zero but moments with another initial value. `weights`:
  // zeroed memory for the weights (bytes_of_weights()), which others may read; null: its own.
  // spread: threads that apply an update.
  DenseStore(const KernelTable& kernels, const Optimizer& optimizer, const ParamTable& params,
             const Placement& placement, int server, bool average, float* weights = nullptr,
             const Spread& spread = {});
  static size_t bytes_of_weights(const Placement& placement, int server) {
    return static_cast<size_t>(placement.elements_of(server)) * sizeof(float);
  }

  // One of the server's blocks; `buffer` as in message.h. Empty: there is no such buffer.
  std::span<float> values(int block, uint32_t buffer) const;
  size_t moments() const { return moments_.size(); }  // of each weight
  int64_t version(int block) const { return version_[slot(block)]; }
  // weights <- optimizer(weights, gradient); gradient[i] is the block's element i. A version more.
  void apply(int block, const float* gradient, const OptimizerScalars& scalars);
  size_t bytes() const;
  // Who is told of a block before it changes; null: nobody.
  void watch(BlockCopy* watcher) { watcher_ = watcher; }

 private:
  size_t slot(int block) const { return slot_[static_cast<size_t>(block)]; }

  const KernelTable& kernels_;
  const Optimizer& optimizer_;
  const OptimizerRules rules_;
  const Placement& placement_;
  const Spread spread_;
  std::vector<size_t> slot_;     // by block: its place among the server's
  std::vector<int64_t> offset_;  // by slot: first element in the buffers
  std::vector<int64_t> version_;
  AlignedBuffer own_weights_, average_;
  float* weights_;
  std::vector<AlignedBuffer> moments_;
  BlockCopy* watcher_ = nullptr;
};

}  // namespace trireme::ps
