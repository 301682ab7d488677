#pragma once
// A worker's row gradients of one table, dealt out to the servers that hold the rows.

#include <cstdint>
#include <span>
#include <vector>

#include "ps/row_gradient.h"

namespace trireme::ps {

class DealtRows {
 public:
  // Borrows the parts.
  DealtRows(std::span<const NodeRows> parts, int servers);
  // Of a server's rows, part by part as append_bytes() has them, parts without any left out.
  size_t bytes(int server) const;
  void write(int server, std::byte* out) const;

 private:
  size_t count(size_t part, int server) const {
    return counts_[part * static_cast<size_t>(servers_) + static_cast<size_t>(server)];
  }

  const std::span<const NodeRows> parts_;
  const int servers_;
  std::vector<std::vector<uint16_t>> owners_;  // of each part's keys; empty: all are of one server
  std::vector<size_t> counts_;                 // of keys, by part and server
};

}  // namespace trireme::ps
