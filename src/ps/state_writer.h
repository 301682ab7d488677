#pragma once
// Where a server's state goes when it is saved: rows of tables, and moments of blocks. The server's
// core does no input or output itself.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ps/message.h"
#include "ps/row_table.h"

namespace trireme::ps {

// Called by one thread; it may have another for what it does.
class StateWriter {
 public:
  virtual ~StateWriter() = default;
  // Whether this server can write to `place`, which worker 0 has named.
  virtual bool sees(const std::string& place) = 0;
  // A copy begins, of so many rows of each part of the tables, in their order.
  virtual void begin(const std::string& place, const std::vector<int64_t>& rows) = 0;

  virtual bool has_room() = 0;  // for one chunk more
  // The optimizer's moments of a block, one behind the other. Each block once, in any order, before
  // rows.
  virtual void take(int block, std::unique_ptr<float[]> moments) = 0;

  // Rows of a part in any order are to be sorted by key; and they are, when this has a value. Once.
  using Keys = std::vector<std::pair<int64_t, RowId>>;
  virtual void sort(Keys keys) = 0;
  virtual std::optional<Keys> sorted() = 0;
  // The next rows of a part, as a RowTable has them in memory, one behind the other.
  virtual void take(size_t part, int64_t count, std::unique_ptr<std::byte[]> rows) = 0;
  virtual void end() = 0;  // that was all

  virtual FileProgress saved() = 0;  // how far it is. Throws what kept it from writing.
};

}  // namespace trireme::ps
