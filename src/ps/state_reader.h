#pragma once
// Where a server's state comes from when it is restored. The server's core does no input or output
// itself.

#include <cstdint>
#include <optional>
#include <string>

#include "ps/table_store.h"

namespace trireme::ps {

class StateReader {
 public:
  virtual ~StateReader() = default;
  // Whether this server can read what worker 0 has named.
  virtual bool sees(const std::string& place) = 0;
  // read() and next() are of that, which it sees.
  virtual void begin(const std::string& place) = 0;

  // One buffer (message.h) of the index space. What there is nothing of, out keeps.
  virtual void read(uint32_t buffer, Range range, float* out) = 0;

  // Rows of the server, a piece at a time, as TableStore::load() takes them; null: that was all.
  struct Rows {
    int table;
    Part part;
    Bytes bytes;  // until the next call
  };
  virtual std::optional<Rows> next() = 0;
  virtual void end() = 0;  // nothing more is read
};

}  // namespace trireme::ps
