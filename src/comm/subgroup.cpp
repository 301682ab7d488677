#include "comm/subgroup.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace trireme {
namespace {

// Seconds that others wait longer than the first of the group, which knows who is missing.
constexpr double kGrace = 2;

class RegionWindow final : public Window {
 public:
  explicit RegionWindow(std::shared_ptr<const NodeRegions> regions)
      : regions_(std::move(regions)) {}
  std::byte* data() const override { return regions_->mine(); }
  size_t size() const override { return regions_->size(); }

 private:
  const std::shared_ptr<const NodeRegions> regions_;
};

}  // namespace

Subgroup::Subgroup(Communicator& parent, std::vector<int> ranks, double timeout)
    : parent_(parent), ranks_(std::move(ranks)), timeout_(timeout) {
  std::vector<int> node_of;  // hosts of the group, in order
  for (size_t i = 0; i < ranks_.size(); ++i) {
    Member m = parent.members()[static_cast<size_t>(ranks_[i])];
    if (m.rank == parent.rank()) rank_ = static_cast<int>(i);
    const auto found = std::ranges::find(node_of, m.node);
    const int node = static_cast<int>(found - node_of.begin());
    if (found == node_of.end()) node_of.push_back(m.node);
    m.node_rank = static_cast<int>(std::ranges::count(members_, node, &Member::node));
    m.node = node;
    m.rank = static_cast<int>(i);
    members_.push_back(m);
  }
}

std::unique_ptr<Window> Subgroup::window(size_t bytes) {
  regions_ = std::make_shared<NodeRegions>(parent_, bytes, timeout_);
  return std::make_unique<RegionWindow>(regions_);
}

void Subgroup::give(int to, Bytes data, const Wait& wait) {
  const uint64_t size = data.size();
  const Ticket length = parent_.send(at(to), kSizeTag, std::as_bytes(std::span(&size, 1)));
  const Ticket bytes = parent_.send(at(to), kBytesTag, data);
  parent_.wait(length, wait);
  parent_.wait(bytes, wait);
}

std::vector<std::byte> Subgroup::take(int from, const Wait& wait) {
  uint64_t size = 0;
  parent_.wait(parent_.receive(at(from), kSizeTag, std::as_writable_bytes(std::span(&size, 1))),
               wait);
  std::vector<std::byte> data(size);
  parent_.wait(parent_.receive(at(from), kBytesTag, data), wait);
  return data;
}

void Subgroup::broadcast(MutableBytes data, int root, const Wait& wait) {
  if (rank_ != root) {
    const std::vector<std::byte> bytes = take(root, wait);
    std::memcpy(data.data(), bytes.data(), std::min(bytes.size(), data.size()));
    return;
  }
  for (int to = 0; to < size(); ++to)
    if (to != root) give(to, data, wait);
}

// To the first and back: data is small here.
std::vector<std::vector<std::byte>> Subgroup::all_gather(Bytes mine, const Wait& wait) {
  std::vector<std::vector<std::byte>> all(ranks_.size());
  Wait longer = wait;
  longer.seconds += kGrace;
  if (rank_ != 0) {
    give(0, mine, longer);
    for (auto& theirs : all) theirs = take(0, longer);
    return all;
  }
  all[0].assign(mine.begin(), mine.end());
  for (size_t from = 1; from < all.size(); ++from) all[from] = take(static_cast<int>(from), wait);
  for (int to = 1; to < size(); ++to)
    for (const auto& theirs : all) give(to, theirs, wait);
  return all;
}

}  // namespace trireme
