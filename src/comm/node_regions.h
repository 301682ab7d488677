#pragma once
// Memory that the ranks of a node let each other read: a region of its own for each.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "comm/communicator.h"

namespace trireme {

class NodeRegions {
 public:
  // Every rank of `world` must call. `mine`: bytes of this rank's region, which is zeroed and
  // starts on a page. It stays until the communicator's close().
  NodeRegions(Communicator& world, size_t mine, double timeout);

  std::byte* mine() const { return window_->data() + offsets_[static_cast<size_t>(rank_)]; }
  size_t size() const { return sizes_[static_cast<size_t>(rank_)]; }
  bool reaches(int rank) const { return here_[static_cast<size_t>(rank)]; }  // is on this node
  // Where these bytes lie in this rank's region; nullopt: elsewhere.
  std::optional<uint64_t> offset_of(Bytes bytes) const;
  // Bytes of the region of `rank`. Empty where it does not reach that far, or is not here.
  Bytes at(int rank, uint64_t offset, size_t bytes) const;

 private:
  const int rank_;
  std::vector<bool> here_;       // by rank
  std::vector<size_t> sizes_;    // by rank
  std::vector<size_t> offsets_;  // by rank, in the window; of other nodes: unused
  std::unique_ptr<Window> window_;
};

}  // namespace trireme
