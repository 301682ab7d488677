#include "ps/link.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace trireme::ps {
namespace {
constexpr int kHeaderTag = 400, kPayloadTag = 401;
}

Link::Link(Communicator& comm, std::vector<int> peers, Place place, const Faults& faults)
    : comm_(comm),
      place_(std::move(place)),
      faults_(faults),
      random_(faults.seed * 1000003 + static_cast<uint64_t>(comm.rank())) {
  for (int rank : peers) {
    peers_.push_back(std::make_unique<Peer>());
    peers_.back()->rank = rank;
    listen(*peers_.back());
  }
}

Link::~Link() {
  for (const auto& peer : peers_) comm_.cancel(peer->ticket);
  for (const auto& sent : sent_)
    for (Ticket t : sent->open) comm_.cancel(t);
}

void Link::listen(Peer& peer) {
  peer.payload = false;
  peer.ticket =
      comm_.receive(peer.rank, kHeaderTag, std::as_writable_bytes(std::span(&peer.header, 1)));
}

void Link::send(Message&& message) {
  if (faults_.repeat > 0 || faults_.delay > 0)
    hold_back(std::move(message));
  else
    post(std::move(message));
}

// A copy, and for some a second: what was borrowed may have changed by then.
void Link::hold_back(Message&& m) {
  const auto uniform = [&] { return std::uniform_real_distribution<double>(0, 1)(random_); };
  const int copies = uniform() < faults_.repeat ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    Message copy{m.from, m.to, m.header, {}, {}};
    if (!m.payload.empty()) {
      copy.owned = pool_->take(m.payload.size());
      std::memcpy(copy.owned->data(), m.payload.data(), m.payload.size());
      copy.payload = {copy.owned->data(), m.payload.size()};
    }
    late_.push_back({deadline_in(faults_.delay * uniform()), std::move(copy)});
  }
}

bool Link::post_late() {
  bool moved = false;
  for (size_t i = 0; i < late_.size();) {
    if (Clock::now() < late_[i].at) {
      ++i;
      continue;
    }
    Message m = std::move(late_[i].message);
    late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(i));
    post(std::move(m));
    moved = true;
  }
  return moved;
}

void Link::post(Message&& message) {
  auto sent = std::make_unique<Sent>();
  sent->message = std::move(message);
  const Message& m = sent->message;
  sent->open.push_back(comm_.send(m.to, kHeaderTag, std::as_bytes(std::span(&m.header, 1))));
  if (!m.payload.empty()) sent->open.push_back(comm_.send(m.to, kPayloadTag, m.payload));
  sent_.push_back(std::move(sent));
}

bool Link::advance() {
  bool moved = !late_.empty() && post_late();
  for (const auto& sent : sent_)
    moved = std::erase_if(sent->open, [&](Ticket t) { return comm_.test(t); }) > 0 || moved;
  std::erase_if(sent_, [](const std::unique_ptr<Sent>& s) { return s->open.empty(); });
  return moved;
}

// A header has come. True: the message is whole.
bool Link::begin(Peer& peer) {
  require_sound(peer.header, fmt::format("rank {}", comm_.rank()));
  peer.message = Message{peer.rank, comm_.rank(), peer.header, {}, {}};
  const size_t bytes = peer.header.payload_bytes;
  if (bytes == 0) return true;
  MutableBytes into = place_ ? place_(peer.header) : MutableBytes{};
  if (into.empty()) {
    peer.message.owned = pool_->take(bytes);
    into = {peer.message.owned->data(), bytes};
  }
  peer.message.payload = into;
  peer.payload = true;
  peer.ticket = comm_.receive(peer.rank, kPayloadTag, into);
  return false;
}

bool Link::receive(Message& out) {
  for (size_t i = 0; i < peers_.size(); ++i) {
    Peer& peer = *peers_[(next_ + i) % peers_.size()];
    if (!comm_.test(peer.ticket)) continue;
    if (!peer.payload && !begin(peer) && !comm_.test(peer.ticket)) continue;
    next_ = (next_ + i + 1) % peers_.size();
    out = std::move(peer.message);
    listen(peer);
    return true;
  }
  return false;
}

void Link::check(std::span<const int> peers, const Wait& wait, Clock::time_point since) {
  std::vector<Ticket> open;
  for (const auto& peer : peers_)
    if (std::ranges::find(peers, peer->rank) != peers.end()) open.push_back(peer->ticket);
  comm_.check(open, wait, since);
}

}  // namespace trireme::ps
