#pragma once
// The optimizer's moments of a server's blocks as of one moment, given to a writer block by block
// while steps go on: a block that is to change before its turn is given at once.

#include <cstdint>
#include <deque>
#include <span>

#include "ps/dense_store.h"
#include "ps/state_writer.h"

namespace trireme::ps {

class BlockCopy {
 public:
  // blocks: in the order in which they are given, best that in which they change. `store` tells
  // this of what it changes (DenseStore::watch()) for as long as this is there; one at a time.
  // Borrows store and writer.
  BlockCopy(DenseStore& store, std::span<const int> blocks, StateWriter& writer);
  ~BlockCopy();
  BlockCopy(const BlockCopy&) = delete;
  BlockCopy& operator=(const BlockCopy&) = delete;

  // Gives the next block. false: the writer has to catch up first, or all were given.
  bool advance();
  bool done() const { return waiting_.empty(); }
  // By the store: the block is about to change.
  void keep(int block);

 private:
  void give(int block);

  DenseStore& store_;
  StateWriter& writer_;
  std::deque<int> waiting_;
};

}  // namespace trireme::ps
