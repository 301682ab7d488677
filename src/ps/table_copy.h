#pragma once
// All rows of a server as of one moment, given to a writer piece by piece while the tables go on:
// table by table, its rows and then its candidates, each by ascending key. Of the tables' thread;
// the writer may have another for what it does.

#include <deque>
#include <memory>
#include <vector>

#include "ps/frozen_rows.h"
#include "ps/state_writer.h"

namespace trireme::ps {

class TableCopy {
 public:
  // The parts as they are now, for a writer that has begun. Borrows all.
  TableCopy(const std::vector<RowTable*>& parts, StateWriter& writer);
  // Goes on with at most kPiece rows. false: the writer has to catch up first, or all was given.
  bool advance();
  bool done() const { return parts_.empty(); }
  int64_t bytes() const;  // what it takes beside the tables

  static constexpr int64_t kPiece = 512;
  static constexpr int64_t kChunkBytes = 4 << 20;

 private:
  struct Part {
    size_t number;
    std::unique_ptr<FrozenRows> rows;
    size_t row_bytes;
  };
  RowId row_at(int64_t i) const { return keys_[static_cast<size_t>(i)].second; }
  void list_keys();
  bool copy_rows();
  void next_part();

  StateWriter& writer_;
  std::deque<Part> parts_;  // that are not done; the first is under way
  enum class Stage { list, sort, copy } stage_ = Stage::list;
  StateWriter::Keys keys_;
  int64_t next_ = 0;                    // slot to be listed; row of keys_ to be copied
  std::unique_ptr<std::byte[]> chunk_;  // null: none is begun
  int64_t in_chunk_ = 0, chunk_rows_ = 0;
};

}  // namespace trireme::ps
