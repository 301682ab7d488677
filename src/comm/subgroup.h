#pragma once
// Some ranks of a communicator, as a communicator of their own: the workers of a job that has
// servers.

#include <memory>
#include <vector>

#include "comm/communicator.h"
#include "comm/node_regions.h"

namespace trireme {

class Subgroup final : public Communicator {
 public:
  // `ranks` of `parent`, ascending, this one among them: they become 0, 1, ... Called by each of
  // them; nothing is sent. The parent outlives the group, and may be used beside it by the same
  // thread: the group's tags (below kMostTag) are its own. One group a parent.
  Subgroup(Communicator& parent, std::vector<int> ranks, double timeout);

  Communicator& parent() const { return parent_; }
  // Where window() lies; null before it.
  const NodeRegions* regions() const { return regions_.get(); }

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(ranks_.size()); }
  std::span<const Member> members() const override { return members_; }
  void barrier(const Wait& wait) override { all_gather({}, wait); }
  void broadcast(MutableBytes data, int root, const Wait& wait) override;
  std::vector<std::vector<std::byte>> all_gather(Bytes mine, const Wait& wait) override;
  Ticket send(int to, int tag, Bytes data) override {
    return parent_.send(at(to), kFirstTag + tag, data);
  }
  Ticket receive(int from, int tag, MutableBytes data) override {
    return parent_.receive(at(from), kFirstTag + tag, data);
  }
  void wait(Ticket ticket, const Wait& wait) override { parent_.wait(ticket, wait); }
  bool test(Ticket ticket) override { return parent_.test(ticket); }
  void check(std::span<const Ticket> open, const Wait& wait, Clock::time_point since) override {
    parent_.check(open, wait, since);
  }
  void idle(int round) override { parent_.idle(round); }
  void cancel(Ticket ticket) noexcept override { parent_.cancel(ticket); }
  // Memory of this rank alone, which all ranks of the node, in the group or not, can read: its
  // region of the parent's ranks. Once; the parent's other ranks make NodeRegions meanwhile.
  std::unique_ptr<Window> window(size_t bytes) override;
  void close() override {}  // the parent's business
  void abort(std::string_view why, ExitCode code) noexcept override { parent_.abort(why, code); }

 private:
  static constexpr int kMostTag = 4096, kFirstTag = 16384;
  static constexpr int kSizeTag = kFirstTag + kMostTag, kBytesTag = kSizeTag + 1;

  int at(int rank) const { return ranks_[static_cast<size_t>(rank)]; }
  // A length, then the bytes.
  void give(int to, Bytes data, const Wait& wait);
  std::vector<std::byte> take(int from, const Wait& wait);

  Communicator& parent_;
  const std::vector<int> ranks_;
  const double timeout_;
  std::vector<Member> members_;
  int rank_ = 0;
  std::shared_ptr<NodeRegions> regions_;
};

}  // namespace trireme
