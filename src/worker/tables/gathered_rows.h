#pragma once
// Row gradients that ranks with copies of a table tell each other: every rank gets what all others
// have, straight from each into memory that is used again.

#include <cstdint>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "ps/row_gradient.h"
#include "tensor/table_spec.h"

namespace trireme {

class GatheredRows {
 public:
  GatheredRows(Communicator& comm, std::span<const TableSpec> tables, double timeout);

  // mine: what this rank has of each table. Every rank must call. Throws FormatError where another
  // rank's bytes are no row gradients.
  void exchange(const std::vector<std::vector<ps::NodeRows>>& mine, int64_t step);
  // What all ranks have of a table, nodes ascending; of one node there may be several, each with
  // other keys. Valid until the next exchange().
  std::span<const ps::NodeRows> parts(int table) const {
    return parts_[static_cast<size_t>(table)];
  }

 private:
  struct Header {  // of a part: keys, then rows, follow in the message
    int64_t table, level, index, keys;
  };
  size_t bytes_of(const Header& header) const;
  size_t bytes_of(std::span<const Header> headers) const;
  void pack(const std::vector<std::vector<ps::NodeRows>>& mine);
  std::vector<Header> checked(Bytes bytes, int rank) const;
  void open_parts(std::span<const Header> headers, Bytes message, int rank);

  Communicator& comm_;
  const std::vector<int64_t> dims_;
  const double timeout_;
  std::vector<Header> headers_;                   // of mine
  std::vector<std::vector<std::byte>> messages_;  // by rank
  std::vector<Ticket> open_;
  std::vector<std::vector<ps::NodeRows>> parts_;  // by table
};

}  // namespace trireme
