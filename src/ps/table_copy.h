#pragma once
// All rows of a server as of one moment, given to a writer piece by piece while the tables go on:
// table by table, its rows and then its candidates, each by ascending key. Of the tables' thread;
// the writer may have another for what it does.

#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "ps/frozen_rows.h"
#include "ps/message.h"

namespace trireme::ps {

// Where the rows go. Called by one thread.
class RowsWriter {
 public:
  virtual ~RowsWriter() = default;
  // Whether this server can write to `place`, which worker 0 has named.
  virtual bool sees(const std::string& place) = 0;
  // A copy begins, of so many rows of each part, in their order.
  virtual void begin(const std::string& place, const std::vector<int64_t>& rows) = 0;

  // Rows of a part in any order are to be sorted by key; and they are, when this has a value. Once.
  using Keys = std::vector<std::pair<int64_t, RowId>>;
  virtual void sort(Keys keys) = 0;
  virtual std::optional<Keys> sorted() = 0;

  virtual bool has_room() = 0;  // for one chunk more
  // The next rows of a part, as a RowTable has them in memory, one behind the other.
  virtual void take(size_t part, int64_t count, std::unique_ptr<std::byte[]> rows) = 0;
  virtual void end() = 0;  // that was all

  virtual SavedRows saved() = 0;  // how far it is. Throws what kept it from writing.
};

class TableCopy {
 public:
  // The parts as they are now. Borrows all.
  TableCopy(const std::vector<RowTable*>& parts, RowsWriter& writer, const std::string& place);
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

  RowsWriter& writer_;
  std::deque<Part> parts_;  // that are not done; the first is under way
  enum class Stage { list, sort, copy } stage_ = Stage::list;
  RowsWriter::Keys keys_;
  int64_t next_ = 0;                    // slot to be listed; row of keys_ to be copied
  std::unique_ptr<std::byte[]> chunk_;  // null: none is begun
  int64_t in_chunk_ = 0, chunk_rows_ = 0;
};

}  // namespace trireme::ps
