#include "ps/link.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace trireme::ps {
namespace {
constexpr int kHeaderTag = 400, kPayloadTag = 401;
}

Link::Link(Communicator& comm, std::vector<int> peers, Place place, const Faults& faults,
           const NodeRegions* regions)
    : comm_(comm),
      place_(std::move(place)),
      faults_(faults),
      regions_(regions),
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

// A copy, and for some a second, which leaves no earlier: what was borrowed may have changed by
// then.
void Link::hold_back(Message&& m) {
  const auto uniform = [&] { return std::uniform_real_distribution<double>(0, 1)(random_); };
  std::vector<double> delays(uniform() < faults_.repeat ? 2 : 1);
  for (double& delay : delays) delay = faults_.delay * uniform();
  std::ranges::sort(delays);
  for (size_t i = 0; i < delays.size(); ++i) {
    Message copy{m.from, m.to, m.header, {}, {}};
    if (!m.payload.empty()) {
      copy.owned = pool_->take(m.payload.size());
      std::memcpy(copy.owned->data(), m.payload.data(), m.payload.size());
      copy.payload = {copy.owned->data(), m.payload.size()};
    }
    late_.push_back({deadline_in(delays[i]), std::move(copy), i > 0});
  }
}

bool Link::post_late() {
  bool moved = false;
  for (size_t i = 0; i < late_.size();) {
    if (Clock::now() < late_[i].at) {
      ++i;
      continue;
    }
    Late late = std::move(late_[i]);
    late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(i));
    post(std::move(late.message), late.again);
    moved = true;
  }
  return moved;
}

bool Link::owes() const {
  const auto once = [](const auto& of) { return !of.again; };
  return std::ranges::any_of(late_, once) ||
         std::ranges::any_of(sent_, [&](const auto& sent) { return once(*sent); });
}

void Link::post(Message&& message, bool again) {
  auto sent = std::make_unique<Sent>();
  sent->again = again;
  sent->message = std::move(message);
  Message& m = sent->message;
  if (regions_ && !m.payload.empty() && regions_->reaches(m.to))
    if (const auto offset = regions_->offset_of(m.payload)) {
      m.header.reference = *offset + 1;
      seal(m);
    }
  sent->open.push_back(comm_.send(m.to, kHeaderTag, std::as_bytes(std::span(&m.header, 1))));
  if (!m.payload.empty() && m.header.reference == 0)
    sent->open.push_back(comm_.send(m.to, kPayloadTag, m.payload));
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
  if (peer.header.reference != 0) {
    refer(peer);
    return true;
  }
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

// The payload stays where it is. Once the header has come, it is whole: the two sides meet in MPI.
void Link::refer(Peer& peer) {
  const Header& h = peer.header;
  const Bytes payload =
      regions_ ? regions_->at(peer.rank, h.reference - 1, h.payload_bytes) : Bytes{};
  if (payload.empty())
    throw FormatError(fmt::format("rank {}: rank {} speaks of memory that it does not share: {}",
                                  comm_.rank(), peer.rank, in_words(h)),
                      "all ranks must run the same build");
  peer.message.payload = payload;
  peer.message.lasts = true;
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
