#pragma once
// Which server holds what: the index space cut into blocks, each on one server.

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/param_table.h"

namespace trireme::ps {

struct Block {
  Range range;
  int server = 0;
};

// Immutable; a pure function of its arguments, so every rank has the same.
class Placement {
 public:
  // Blocks of at most `block_elements`, cut at multiples of kChunk, and small enough that each
  // server gets some where there are enough chunks. The largest block first, each to the server
  // that has the fewest bytes so far (the lowest of these).
  Placement(int64_t elements, int servers, int64_t block_elements);

  int servers() const { return static_cast<int>(of_server_.size()); }
  const std::vector<Block>& blocks() const { return blocks_; }  // in the order of the index space
  const Block& block(int index) const { return blocks_[static_cast<size_t>(index)]; }
  const std::vector<int>& blocks_of(int server) const {  // ascending
    return of_server_[static_cast<size_t>(server)];
  }
  int64_t elements_of(int server) const;
  // "4 blocks of up to 1 MiB: server 0 has 2 (2 MiB), server 1 has 2 (1.5 MiB)"
  std::string in_words() const;

 private:
  std::vector<Block> blocks_;
  std::vector<std::vector<int>> of_server_;
};

}  // namespace trireme::ps
