#pragma once
// A server takes its state from a reader, piece by piece: all buffers of its blocks, then its rows.

#include <deque>
#include <span>

#include "ps/dense_store.h"
#include "ps/state_reader.h"
#include "ps/table_store.h"

namespace trireme::ps {

class StateRestore {
 public:
  // The reader has begun. Borrows all.
  StateRestore(DenseStore& store, std::span<const int> blocks, const Placement& placement,
               TableStore& tables, StateReader& reader);
  // Takes one block, or one piece of the rows. Throws what the reader and the tables do.
  void advance();
  bool done() const { return done_; }
  int64_t progress() const { return progress_; }  // grows with each piece

 private:
  DenseStore& store_;
  const Placement& placement_;
  TableStore& tables_;
  StateReader& reader_;
  std::deque<int> blocks_;  // that are not read yet
  int64_t progress_ = 0;
  bool done_ = false;
};

}  // namespace trireme::ps
