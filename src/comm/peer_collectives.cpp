// The collectives of PeerCommunicator. On the wire: a frame is a header and, when it has any, its
// bytes.
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <numeric>

#include "base/error.h"
#include "comm/peer_communicator.h"
#include "comm/sentence.h"

namespace trireme {
namespace {

// How long a rank that gave up waits for the leader to say who was missing.
constexpr double kGrace = 2.0;

using Parts = std::vector<std::vector<std::byte>>;

// All parts in one piece: each part's length, then its bytes.
std::vector<std::byte> pack(const Parts& parts) {
  std::vector<std::byte> packed;
  for (const auto& part : parts) {
    const uint64_t length = part.size();
    const auto* head = reinterpret_cast<const std::byte*>(&length);
    packed.insert(packed.end(), head, head + sizeof length);
    packed.insert(packed.end(), part.begin(), part.end());
  }
  return packed;
}

Parts unpack(Bytes packed) {
  Parts parts;
  while (packed.size() >= sizeof(uint64_t)) {
    uint64_t length = 0;
    std::memcpy(&length, packed.data(), sizeof length);
    packed = packed.subspan(sizeof length);
    if (length > packed.size())
      throw CommError(
          fmt::format("a gathered part says {} bytes where {} are left", length, packed.size()));
    parts.emplace_back(packed.begin(), packed.begin() + static_cast<ptrdiff_t>(length));
    packed = packed.subspan(length);
  }
  return parts;
}

std::string_view op_name(uint32_t op) {
  constexpr std::array<std::string_view, 5> kNames{"barrier", "all_gather", "broadcast", "window",
                                                   "error"};
  return op < kNames.size() ? kNames[op] : "an unknown operation";
}

}  // namespace

struct PeerCommunicator::Frame {
  uint32_t op = 0;
  uint32_t reserved = 0;
  uint64_t bytes = 0;
};

void PeerCommunicator::barrier(const Wait& wait) {
  std::vector<int> all(members_.size());
  std::iota(all.begin(), all.end(), 0);
  exchange(Op::barrier, all, {}, wait);
}

Parts PeerCommunicator::all_gather(Bytes mine, const Wait& wait) {
  std::vector<int> all(members_.size());
  std::iota(all.begin(), all.end(), 0);
  return exchange(Op::all_gather, all, mine, wait);
}

void PeerCommunicator::broadcast(MutableBytes data, int root, const Wait& wait) {
  if (root < 0 || root >= size())
    throw CommError(fmt::format("{} cannot broadcast from rank {}: there are {} ranks", name(me()),
                                root, size()));
  if (rank_ == root) {
    std::vector<Ticket> tickets;
    const auto copy = keep({data.begin(), data.end()});
    for (int to = 0; to < size(); ++to)
      if (to != root) post_frame(to, Op::broadcast, copy, tickets);
    wait_all(std::move(tickets), wait);
  } else {
    const auto bytes = receive_answer(Op::broadcast, root, wait);
    if (bytes.size() != data.size())
      throw CommError(fmt::format("{} expected {} bytes of {}, rank {} sent {}", name(me()),
                                  data.size(), awaited(wait), root, bytes.size()));
    std::copy(bytes.begin(), bytes.end(), data.begin());
  }
  kept_.clear();
}

void PeerCommunicator::agree_on_window(size_t bytes) {
  const uint64_t mine = bytes;
  const auto group = my_node();
  const auto all = exchange(Op::window, group, std::as_bytes(std::span(&mine, 1)),
                            {.what = "a window of shared memory"});
  for (size_t i = 0; i < all.size(); ++i) {
    uint64_t theirs = 0;
    std::memcpy(&theirs, all[i].data(), std::min(sizeof theirs, all[i].size()));
    if (theirs != mine)
      throw CommError(fmt::format("{} asks for a shared window of {} bytes, {} for {}", name(me()),
                                  mine, name(members_[static_cast<size_t>(group[i])]), theirs));
  }
}

Parts PeerCommunicator::exchange(Op op, std::span<const int> group, Bytes mine, const Wait& wait) {
  auto parts =
      group[0] == rank_ ? lead(op, group, mine, wait) : unpack(follow(op, group[0], mine, wait));
  kept_.clear();
  return parts;
}

Parts PeerCommunicator::lead(Op op, std::span<const int> group, Bytes mine, const Wait& wait) {
  try {
    Parts all(group.size());
    all[0].assign(mine.begin(), mine.end());
    collect(op, group, all, wait);
    const auto packed = keep(op == Op::barrier ? std::vector<std::byte>{} : pack(all));
    std::vector<Ticket> tickets;
    for (int to : group.subspan(1)) post_frame(to, op, packed, tickets);
    wait_all(std::move(tickets), wait);
    return all;
  } catch (const CommError& e) {
    send_error(group, e.what());
    throw;
  }
}

// all[i] = the bytes of group[i], for i >= 1.
void PeerCommunicator::collect(Op op, std::span<const int> group, Parts& all, const Wait& wait) {
  const auto headers = keep(std::vector<std::byte>(group.size() * sizeof(Frame)));
  std::vector<Ticket> tickets;
  for (size_t i = 1; i < group.size(); ++i)
    tickets.push_back(
        post_receive(group[i], kHeaderTag, headers.subspan(i * sizeof(Frame), sizeof(Frame))));
  wait_all(std::exchange(tickets, {}), wait);

  std::vector<std::span<std::byte>> payloads(group.size());
  for (size_t i = 1; i < group.size(); ++i) {
    Frame frame;
    std::memcpy(&frame, headers.data() + i * sizeof(Frame), sizeof frame);
    if (frame.op != static_cast<uint32_t>(op))
      throw CommError(
          fmt::format("{} is in {} for {}, but {} is in {}: ranks do not make the same calls",
                      name(me()), op_name(static_cast<uint32_t>(op)), awaited(wait),
                      name(members_[static_cast<size_t>(group[i])]), op_name(frame.op)));
    if (frame.bytes == 0) continue;
    payloads[i] = keep(std::vector<std::byte>(frame.bytes));
    tickets.push_back(post_receive(group[i], kPayloadTag, payloads[i]));
  }
  wait_all(std::move(tickets), wait);
  for (size_t i = 1; i < group.size(); ++i) all[i].assign(payloads[i].begin(), payloads[i].end());
}

std::vector<std::byte> PeerCommunicator::follow(Op op, int leader, Bytes mine, const Wait& wait) {
  std::vector<Ticket> tickets;
  post_frame(leader, op, keep({mine.begin(), mine.end()}), tickets);
  auto answer = receive_answer(op, leader, wait);
  wait_all(std::move(tickets), wait);
  return answer;
}

// The bytes of one frame. Throws the sender's sentence when the frame is an error.
std::vector<std::byte> PeerCommunicator::receive_answer(Op op, int from, const Wait& wait) {
  const auto start = Clock::now();
  const auto header = keep(std::vector<std::byte>(sizeof(Frame)));
  std::vector<Ticket> open{post_receive(from, kHeaderTag, header)};
  open = wait_until(std::move(open), wait, deadline_in(wait.seconds));
  if (!open.empty()) {
    const double seconds = seconds_since(start);
    tell_gave_up(from);
    open = wait_until(std::move(open), wait, deadline_in(kGrace));
    if (!open.empty()) throw_missing(open, wait, seconds);
  }
  Frame frame;
  std::memcpy(&frame, header.data(), sizeof frame);
  std::vector<std::byte> bytes(frame.bytes);
  if (!bytes.empty()) {
    const auto payload = keep(std::move(bytes));
    wait_all({post_receive(from, kPayloadTag, payload)}, wait);
    bytes.assign(payload.begin(), payload.end());
  }
  if (frame.op == static_cast<uint32_t>(Op::error))
    throw CommError(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  if (frame.op != static_cast<uint32_t>(op))
    throw CommError(
        fmt::format("{} is in {} for {}, but {} is in {}: ranks do not make the same calls",
                    name(me()), op_name(static_cast<uint32_t>(op)), awaited(wait),
                    name(members_[static_cast<size_t>(from)]), op_name(frame.op)));
  return bytes;
}

void PeerCommunicator::post_frame(int to, Op op, Bytes data, std::vector<Ticket>& tickets) {
  const Frame frame{static_cast<uint32_t>(op), 0, data.size()};
  const auto* head = reinterpret_cast<const std::byte*>(&frame);
  tickets.push_back(post_send(to, kHeaderTag, keep({head, head + sizeof frame})));
  if (!data.empty()) tickets.push_back(post_send(to, kPayloadTag, data));
}

// Nobody waits for these: who is gone never takes its copy.
void PeerCommunicator::send_error(std::span<const int> group, std::string_view sentence) noexcept {
  try {
    const auto text = std::as_bytes(std::span(sentence));
    const auto copy = keep({text.begin(), text.end()});
    std::vector<Ticket> tickets;
    for (int to : group.subspan(1)) post_frame(to, Op::error, copy, tickets);
    for (Ticket t : tickets) (void)test(t);
  } catch (...) {  // the first cause is on its way up already
  }
}

std::span<std::byte> PeerCommunicator::keep(std::vector<std::byte> bytes) {
  kept_.push_back(std::move(bytes));
  return kept_.back();
}

}  // namespace trireme
