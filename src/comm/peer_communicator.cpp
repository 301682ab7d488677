#include "comm/peer_communicator.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "comm/sentence.h"

namespace trireme {
namespace {

// Looks without a result before the first look for trouble, and between two of them.
constexpr int kLooksPerCheck = 64;

}  // namespace

void PeerCommunicator::set_members(int rank, std::vector<Member> members) {
  rank_ = rank;
  members_ = std::move(members);
}

std::vector<int> PeerCommunicator::my_node() const {
  std::vector<int> ranks;
  for (const Member& m : members_)
    if (m.node == me().node) ranks.push_back(m.rank);
  return ranks;
}

Ticket PeerCommunicator::send(int to, int tag, Bytes data) {
  if (to < 0 || to >= size() || tag < 0 || tag >= kHeaderTag)
    throw CommError(
        fmt::format("{} cannot send to rank {} with tag {}: there are {} ranks, and tags end at {}",
                    name(me()), to, tag, size(), kHeaderTag - 1));
  return post_send(to, tag, data);
}

Ticket PeerCommunicator::receive(int from, int tag, MutableBytes data) {
  if (from < 0 || from >= size() || tag < 0 || tag >= kHeaderTag)
    throw CommError(fmt::format(
        "{} cannot receive from rank {} with tag {}: there are {} ranks, and tags end at {}",
        name(me()), from, tag, size(), kHeaderTag - 1));
  return post_receive(from, tag, data);
}

void PeerCommunicator::wait_all(std::vector<Ticket> open, const Wait& wait) {
  const auto start = Clock::now();
  open = wait_until(std::move(open), wait, deadline_in(wait.seconds));
  if (!open.empty()) throw_missing(open, wait, seconds_since(start));
}

// Returns the tickets still open at the deadline, or when another rank gave up. Throws when
// somebody died or failed; then all are cancelled.
std::vector<Ticket> PeerCommunicator::wait_until(std::vector<Ticket> open, const Wait& wait,
                                                 Deadline deadline) {
  Trouble trouble;
  for (int round = 0;; ++round) {
    std::erase_if(open, [&](Ticket t) { return test(t); });
    if (open.empty() || trouble.kind == Trouble::Kind::gave_up) return open;
    if (trouble.kind != Trouble::Kind::none) {
      for (Ticket t : open) cancel(t);
      throw_trouble(trouble, wait);
    }
    if (Clock::now() >= deadline) return open;
    // Trouble ends the wait only after one more test above: a message may have come before its
    // sender left.
    if (round % kLooksPerCheck == kLooksPerCheck - 1) trouble = look_for_trouble(open);
    if (trouble.kind == Trouble::Kind::none) idle(round);
  }
}

// Trouble is thrown by the next call: the caller looks once more in between, for a message that
// came before its sender left.
void PeerCommunicator::check(std::span<const Ticket> open, const Wait& wait,
                             Clock::time_point since) {
  const double seconds = seconds_since(since);
  if (noticed_.kind == Trouble::Kind::gave_up || seconds >= wait.seconds)
    throw_missing(open, wait, seconds);
  if (noticed_.kind != Trouble::Kind::none) throw_trouble(noticed_, wait);
  noticed_ = look_for_trouble(open);
}

void PeerCommunicator::throw_trouble(const Trouble& trouble, const Wait& wait) const {
  if (trouble.kind == Trouble::Kind::failed) throw CommError(trouble.sentence);
  throw CommError(fmt::format("{}; {} waited for {}", trouble.sentence, name(me()), awaited(wait)));
}

void PeerCommunicator::throw_missing(std::span<const Ticket> open, const Wait& wait,
                                     double seconds) {
  std::vector<Member> missing;
  for (Ticket t : open) {
    const Member& m = members_[static_cast<size_t>(peer_of(t))];
    const auto same = [&](const Member& other) { return other.rank == m.rank; };
    if (std::none_of(missing.begin(), missing.end(), same)) missing.push_back(m);
  }
  for (Ticket t : open) cancel(t);
  throw CommError(waited(me(), wait, seconds) + ": " + no_answer(missing), deadline_hint());
}

}  // namespace trireme
