#include "comm/node_regions.h"

#include <cstring>

#include "tensor/buffer.h"

namespace trireme {
namespace {
constexpr size_t kPage = 4096;
}

NodeRegions::NodeRegions(Communicator& world, size_t mine, double timeout) : rank_(world.rank()) {
  const uint64_t bytes = mine;
  const auto all = world.all_gather(std::as_bytes(std::span(&bytes, 1)),
                                    {timeout, "the memory that ranks of a node share", -1});
  const int node = world.members()[static_cast<size_t>(rank_)].node;
  size_t total = 0;
  for (size_t r = 0; r < all.size(); ++r) {
    uint64_t theirs = 0;
    std::memcpy(&theirs, all[r].data(), sizeof theirs);
    here_.push_back(world.members()[r].node == node);
    sizes_.push_back(theirs);
    offsets_.push_back(total);
    if (here_.back()) total += align_up(theirs, kPage);
  }
  window_ = world.window(std::max(total, kPage));
}

std::optional<uint64_t> NodeRegions::offset_of(Bytes bytes) const {
  const std::byte* begin = mine();
  if (bytes.data() < begin || bytes.data() + bytes.size() > begin + size()) return std::nullopt;
  return static_cast<uint64_t>(bytes.data() - begin);
}

Bytes NodeRegions::at(int rank, uint64_t offset, size_t bytes) const {
  const auto r = static_cast<size_t>(rank);
  if (r >= here_.size() || !here_[r] || offset > sizes_[r] || bytes > sizes_[r] - offset) return {};
  return {window_->data() + offsets_[r] + offset, bytes};
}

}  // namespace trireme
