#include "comm/subgroup.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tensor/buffer.h"

namespace trireme {
namespace {

constexpr int kSizeTag = kFirstSubgroupTag + kMostSubgroupTag, kBytesTag = kSizeTag + 1;
// Seconds that others wait longer than the first of the group, which knows who is missing.
constexpr double kGrace = 2;

class PrivateWindow final : public Window {
 public:
  explicit PrivateWindow(size_t bytes) : memory_(bytes) {}
  std::byte* data() const override { return memory_.data(); }
  size_t size() const override { return memory_.size(); }

 private:
  AlignedBuffer memory_;
};

class Subgroup final : public Communicator {
 public:
  Subgroup(Communicator& parent, std::vector<int> ranks)
      : parent_(parent), ranks_(std::move(ranks)) {
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
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(ranks_.size()); }
  std::span<const Member> members() const override { return members_; }

  void barrier(const Wait& wait) override { all_gather({}, wait); }
  void broadcast(MutableBytes data, int root, const Wait& wait) override;
  std::vector<std::vector<std::byte>> all_gather(Bytes mine, const Wait& wait) override;

  Ticket send(int to, int tag, Bytes data) override {
    return parent_.send(at(to), kFirstSubgroupTag + tag, data);
  }
  Ticket receive(int from, int tag, MutableBytes data) override {
    return parent_.receive(at(from), kFirstSubgroupTag + tag, data);
  }
  void wait(Ticket ticket, const Wait& wait) override { parent_.wait(ticket, wait); }
  bool test(Ticket ticket) override { return parent_.test(ticket); }
  void check(std::span<const Ticket> open, const Wait& wait, Clock::time_point since) override {
    parent_.check(open, wait, since);
  }
  void idle(int round) override { parent_.idle(round); }
  void cancel(Ticket ticket) noexcept override { parent_.cancel(ticket); }
  std::unique_ptr<Window> window(size_t bytes) override {
    return std::make_unique<PrivateWindow>(bytes);
  }
  void close() override {}
  void abort(std::string_view why, ExitCode code) noexcept override { parent_.abort(why, code); }

 private:
  int at(int rank) const { return ranks_[static_cast<size_t>(rank)]; }
  // A length, then the bytes.
  void give(int to, Bytes data, const Wait& wait);
  std::vector<std::byte> take(int from, const Wait& wait);

  Communicator& parent_;
  const std::vector<int> ranks_;
  std::vector<Member> members_;
  int rank_ = 0;
};

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

}  // namespace

std::unique_ptr<Communicator> make_subgroup(Communicator& parent, const std::vector<int>& ranks) {
  return std::make_unique<Subgroup>(parent, ranks);
}

}  // namespace trireme
