#pragma once
// What a server has of the clock that is open in sync mode: pieces of the reduction tree, block by
// block, added up as soon as a block has all of its. The sums are those of an all-reduce, bit for
// bit.

#include <cstdint>
#include <vector>

#include "base/spread.h"
#include "comm/range_reducer.h"
#include "ps/message.h"
#include "ps/placement.h"

namespace trireme::ps {

class SyncClock {
 public:
  // `runs`: the leaves of each worker; spread: threads that add up. Borrows kernels and placement.
  SyncClock(const KernelTable& kernels, const Placement& placement, int server,
            std::vector<LeafRun> runs, int shards, const Spread& spread = {});

  // A batch of `samples`; nothing has come.
  void begin(int64_t samples);
  bool begun() const { return samples_ >= 0; }
  // One worker's piece of a block; the floats are `owned`, or stay until end(). Throws FormatError
  // for what nobody awaits.
  void take(int worker, int block, Piece piece, const float* floats, Payload owned,
            int64_t samples);
  bool complete() const { return complete_ == mine_.size(); }  // all of the clock has come
  // When complete(). The block's summed gradient, and sums of squares by chunk of all blocks, in
  // their order.
  const float* sum(int block) const { return sums_[slot(block)]; }
  std::span<const double> partials() const { return partials_; }
  void end();  // forgets the gradients
  // Workers whose pieces have not all come.
  std::vector<int> missing() const;

 private:
  struct Arrived {
    std::vector<const float*> pieces;  // by place in pieces_; null: has not come
    std::vector<Payload> owned;
    size_t count = 0;
  };
  size_t slot(int block) const { return slot_[static_cast<size_t>(block)]; }
  void reduce(int block);

  const KernelTable& kernels_;
  const Placement& placement_;
  const std::vector<int>& mine_;  // blocks
  const std::vector<LeafRun> runs_;
  const int shards_;
  const Spread spread_;
  std::vector<size_t> slot_;  // by block
  std::vector<Piece> pieces_;
  std::vector<int> worker_of_piece_;

  int64_t samples_ = -1, prepared_for_ = -1;
  std::vector<bool> present_;  // by piece
  size_t awaited_ = 0;         // pieces of each block
  RangeReducer reducer_;
  std::vector<float> temporaries_;  // of each thread
  std::vector<Arrived> arrived_;    // by slot
  size_t complete_ = 0;             // blocks
  std::vector<AlignedBuffer> room_;
  std::vector<const float*> sums_;
  std::vector<double> partials_;
  std::vector<size_t> first_partial_;
};

}  // namespace trireme::ps
