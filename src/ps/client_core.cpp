#include "ps/client_core.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/error.h"

namespace trireme::ps {
namespace {

Bytes bytes_of(const float* floats, Range range) {
  return std::as_bytes(std::span(floats, floats ? static_cast<size_t>(range.size()) : 0));
}

}  // namespace

ClientCore::ClientCore(const ClientConfig& config, const Placement& placement, float* weights)
    : config_(config),
      placement_(placement),
      weights_(weights),
      versions_(placement.blocks().size()),
      servers_(static_cast<size_t>(placement.servers())) {
  const int64_t elements = placement.blocks().empty() ? 0 : placement.blocks().back().range.end;
  partials_.resize(static_cast<size_t>((elements + kSumChunk - 1) / kSumChunk));
  expect_partials(config.start_clock);
}

Header ClientCore::header(Kind kind, int server, int64_t clock) const {
  Header h;
  h.kind = static_cast<uint16_t>(kind);
  h.worker = config_.worker;
  h.server = server;
  h.generation = config_.generation;
  h.clock = static_cast<uint64_t>(clock);
  return h;
}

void ClientCore::ask(Question q) {
  q.message.from = config_.worker;
  q.message.to = config_.workers + q.message.header.server;
  servers_[static_cast<size_t>(q.message.header.server)].queued.push_back(std::move(q));
  ++open_;
}

void ClientCore::push(int block, int64_t clock, const float* floats, Piece piece, int64_t samples) {
  Question q;
  q.message.header = header(Kind::push, placement_.block(block).server, clock);
  q.message.header.block = block;
  q.message.header.piece_level = piece.level;
  q.message.header.piece_index = piece.index;
  q.message.header.samples = samples;
  q.message.payload = bytes_of(floats, placement_.block(block).range);
  ask(std::move(q));
}

void ClientCore::push(int block, int64_t clock, const float* floats,
                      const OptimizerScalars& scalars) {
  Question q;
  q.message.header = header(Kind::push, placement_.block(block).server, clock);
  q.message.header.block = block;
  q.message.header.version = versions_[static_cast<size_t>(block)];
  q.message.header.scalars = scalars;
  q.message.payload = bytes_of(floats, placement_.block(block).range);
  ask(std::move(q));
}

void ClientCore::pull(int64_t clock, int64_t need, bool whole, uint32_t requests) {
  result_ = {};
  result_.slowest = std::numeric_limits<int64_t>::max();
  for (int server = 0; server < placement_.servers(); ++server) {
    const std::vector<int>& blocks = placement_.blocks_of(server);
    if (blocks.empty()) continue;
    Question q;
    q.message.header = header(Kind::pull, server, clock);
    q.message.header.need = need;
    q.message.header.flags = whole ? kWhole : 0;
    q.message.header.requests = server == 0 ? requests : 0;
    q.blocks.insert(blocks.begin(), blocks.end());
    ask(std::move(q));
  }
}

void ClientCore::load(int block, uint32_t buffer, const float* floats) {
  Question q;
  q.message.header = header(Kind::load, placement_.block(block).server, 0);
  q.message.header.block = block;
  q.message.header.buffer = buffer;
  q.message.payload = bytes_of(floats, placement_.block(block).range);
  ask(std::move(q));
}

void ClientCore::fetch(int block, uint32_t buffer, float* into) {
  Question q;
  q.message.header = header(Kind::fetch, placement_.block(block).server, 0);
  q.message.header.block = block;
  q.message.header.buffer = buffer;
  q.into = into;
  ask(std::move(q));
}

// Nobody answers these two.
void ClientCore::bye(int exit_code) {
  for (int server = 0; server < placement_.servers(); ++server) {
    Question q;
    q.message.header = header(Kind::bye, server, 0);
    q.message.header.flags = static_cast<uint32_t>(exit_code);
    ask(std::move(q));
  }
}

void ClientCore::commit(int64_t clock, const OptimizerScalars& scalars,
                        const StepVerdict& verdict) {
  for (int server = 0; server < placement_.servers(); ++server) {
    Question q;
    q.message.header = header(Kind::commit, server, clock);
    q.message.header.scalars = scalars;
    q.message.header.flags = (verdict.applied ? kApplied : 0) | (verdict.finite ? kFinite : 0);
    q.message.header.grad_norm = verdict.grad_norm;
    ask(std::move(q));
  }
  awaits_partials_ = false;
  expect_partials(clock + 1);
}

void ClientCore::expect_partials(int64_t clock) {
  partials_clock_ = clock;
  for (int server = 0; server < placement_.servers(); ++server)
    if (!placement_.blocks_of(server).empty()) partials_missing_.insert(server);
}

bool ClientCore::poll(Message& out) {
  for (Server& s : servers_) {
    if (s.queued.empty() || s.asked.size() >= config_.in_flight) continue;
    Question q = std::move(s.queued.front());
    s.queued.pop_front();
    q.message.header.sequence = ++s.sequence;
    seal(q.message);
    ++counts_.messages_out;
    counts_.bytes_out += static_cast<int64_t>(q.message.payload.size());
    out = Message{q.message.from, q.message.to, q.message.header, q.message.payload, {}};
    const Kind kind = q.message.kind();
    if (kind == Kind::bye || kind == Kind::commit)
      --open_;
    else
      s.asked.emplace(q.message.header.sequence, std::move(q));
    return true;
  }
  return false;
}

// The question that a message answers; null: none is open, so it is a repeated answer.
ClientCore::Question* ClientCore::answered(const Header& h) {
  if (h.worker != config_.worker || h.server < 0 || h.server >= placement_.servers())
    refuse(h, "is for somebody else");
  if (h.generation != config_.generation) return nullptr;
  auto& asked = servers_[static_cast<size_t>(h.server)].asked;
  const auto found = asked.find(h.sequence);
  if (found == asked.end()) return nullptr;
  const Kind expected = [&] {
    switch (found->second.message.kind()) {
      case Kind::push:
        return Kind::pushed;
      case Kind::pull:
        return Kind::pulled;
      case Kind::load:
        return Kind::loaded;
      default:
        return Kind::fetched;
    }
  }();
  if (static_cast<Kind>(h.kind) != expected) refuse(h, "answers another question");
  Question& q = found->second;
  if (expected == Kind::pulled && !q.blocks.contains(h.block)) return nullptr;
  if (expected != Kind::pulled && h.block != q.message.header.block)
    refuse(h, "answers for another block");
  return &q;
}

void ClientCore::end(const Header& h) {
  servers_[static_cast<size_t>(h.server)].asked.erase(h.sequence);
  --open_;
}

void ClientCore::refuse(const Header& header, const char* why) const {
  throw FormatError(
      fmt::format("worker {}: a message {}: {}", config_.worker, why, in_words(header)),
      "this is a fault in the program, the network or a host's memory");
}

MutableBytes ClientCore::place(const Header& h) {
  if (h.payload_bytes == 0) return {};
  if (static_cast<Kind>(h.kind) == Kind::partials) return {};  // of blocks here and there
  Question* q = answered(h);
  if (!q) return {};
  const Range range = placement_.block(h.block).range;
  float* to = static_cast<Kind>(h.kind) == Kind::pulled ? weights_ + range.begin : q->into;
  if (h.payload_bytes != static_cast<size_t>(range.size()) * sizeof(float))
    refuse(h, "has another size than its block");
  return std::as_writable_bytes(std::span(to, static_cast<size_t>(range.size())));
}

void ClientCore::on_message(Message&& m) {
  const Header& h = m.header;
  counts_.bytes_in += static_cast<int64_t>(m.payload.size());
  if (m.kind() == Kind::partials) return take_partials(m);
  if (!answered(h)) return;
  const MutableBytes to = place(h);
  if (!to.empty() && to.data() != m.payload.data())
    std::memcpy(to.data(), m.payload.data(), to.size());
  if (m.kind() == Kind::pulled)
    take_pulled(m);
  else
    end(h);
}

void ClientCore::take_partials(const Message& m) {
  const Header& h = m.header;
  if (static_cast<int64_t>(h.clock) != partials_clock_ || !partials_missing_.contains(h.server))
    return;  // repeated
  const std::span<const double> values = values_of<double>(m);
  size_t at = 0;
  for (int block : placement_.blocks_of(h.server)) {
    const Range range = placement_.block(block).range;
    const auto n = static_cast<size_t>((range.size() + kSumChunk - 1) / kSumChunk);
    if (at + n > values.size()) refuse(h, "has too few partial sums");
    std::copy_n(values.data() + at, n, partials_.data() + range.begin / kSumChunk);
    at += n;
  }
  partials_missing_.erase(h.server);
}

void ClientCore::take_pulled(const Message& m) {
  const Header& h = m.header;
  Question& q = *answered(h);
  versions_[static_cast<size_t>(h.block)] = h.version;
  result_.verdict = h.flags;
  result_.grad_norm = h.grad_norm;
  result_.scalars = h.scalars;
  result_.slowest = std::min(result_.slowest, h.slowest);
  if (h.server == 0) {  // it keeps the meeting
    result_.meet_at = h.meet_at;
    result_.requests = h.requests;
  }
  const Consistency& c = config_.consistency;
  if (c.mode == Mode::bounded && h.slowest < static_cast<int64_t>(h.clock) - c.staleness)
    refuse(h, "answers before the slowest worker is near enough");
  q.blocks.erase(h.block);
  if (q.blocks.empty()) end(h);
}

std::vector<int> ClientCore::silent() const {
  std::vector<int> servers;
  for (size_t s = 0; s < servers_.size(); ++s)
    if (!servers_[s].asked.empty() ||
        (awaits_partials_ && partials_missing_.contains(static_cast<int>(s))))
      servers.push_back(static_cast<int>(s));
  return servers;
}

std::string ClientCore::awaited() const {
  std::map<std::string_view, size_t> counts;
  for (const Server& s : servers_)
    for (const auto& [sequence, q] : s.asked) ++counts[name_of(q.message.kind())];
  std::vector<std::string> words;
  for (const auto& [kind, n] : counts) words.push_back(fmt::format("{} of {}", kind, n));
  if (awaits_partials_ && !has_partials())
    words.push_back(fmt::format("norms of {} servers", partials_missing_.size()));
  return fmt::format("the parameter servers' answers ({})", fmt::join(words, ", "));
}

}  // namespace trireme::ps
