#include "ps/client_core.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/error.h"
#include "ps/row_clip.h"
#include "ps/table_shards.h"

namespace trireme::ps {
namespace {

Bytes bytes_of(const float* floats, Range range) {
  return std::as_bytes(std::span(floats, floats ? static_cast<size_t>(range.size()) : 0));
}

Kind answer_to(Kind question) {
  switch (question) {
    case Kind::push:
      return Kind::pushed;
    case Kind::pull:
      return Kind::pulled;
    case Kind::load:
      return Kind::loaded;
    case Kind::pull_rows:
      return Kind::pulled_rows;
    case Kind::push_rows:
      return Kind::pushed_rows;
    case Kind::load_rows:
      return Kind::loaded_rows;
    case Kind::fetch_rows:
      return Kind::fetched_rows;
    case Kind::save:
      return Kind::saving;
    case Kind::restore:
      return Kind::restoring;
    case Kind::fetch_progress:
      return Kind::progress;
    default:
      return Kind::fetched;
  }
}

}  // namespace

ClientCore::ClientCore(const ClientConfig& config, const Placement& placement, float* weights)
    : config_(config),
      placement_(placement),
      weights_(weights),
      versions_(placement.blocks().size()),
      missing_(placement.blocks().size()),
      servers_(static_cast<size_t>(placement.servers())),
      coder_(config.codec, config.consistency.mode != Mode::sync, pool_) {
  const int64_t elements = placement.blocks().empty() ? 0 : placement.blocks().back().range.end;
  partials_.resize(static_cast<size_t>((elements + kSumChunk - 1) / kSumChunk) +
                   static_cast<size_t>(config.tables) * kTableShards);
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
  ++open_;
  q.due = !q.ahead();
  if (!q.due) ++ahead_;
  servers_[static_cast<size_t>(q.message.header.server)].queued.push_back(std::move(q));
}

ClientCore::Question ClientCore::about(Kind kind, int block, int64_t clock,
                                       const float* floats) const {
  Question q;
  q.message.header = header(kind, placement_.block(block).server, clock);
  q.message.header.block = block;
  q.message.payload = bytes_of(floats, placement_.block(block).range);
  return q;
}

// The message has a copy of `payload`.
void ClientCore::own(Message& message, Bytes payload) const {
  if (payload.empty()) return;
  message.owned = pool_->take(payload.size());
  std::memcpy(message.owned->data(), payload.data(), payload.size());
  message.payload = {message.owned->data(), payload.size()};
}

void ClientCore::push(int block, int64_t clock, const float* floats, Piece piece, int64_t samples) {
  Question q = about(Kind::push, block, clock, floats);
  q.message.header.piece_level = piece.level;
  q.message.header.piece_index = piece.index;
  q.message.header.samples = samples;
  code(q, floats, piece, static_cast<double>(samples));
  ask(std::move(q));
}

void ClientCore::push(int block, int64_t clock, const float* floats,
                      const OptimizerScalars& scalars, int64_t since) {
  Question q = about(Kind::push, block, clock, floats);
  q.message.header.need = since < 0 ? clock : since;
  q.message.header.version = versions_[static_cast<size_t>(block)];
  q.message.header.scalars = scalars;
  code(q, floats, {}, 1 / double{scalars.grad_scale});
  ask(std::move(q));
}

void ClientCore::code(Question& q, const float* floats, Piece piece, double divisor) {
  if (!config_.codec.codes() || !floats) return;
  const int block = q.message.header.block;
  const auto n = static_cast<size_t>(placement_.block(block).range.size());
  auto coded = coder_.code(block, piece, {floats, n}, divisor);
  if (!coded) return;
  q.message.header.flags |= kCoded;
  q.message.owned = std::move(coded->payload);
  q.message.payload = {q.message.owned->data(), coded->bytes};
}

void ClientCore::pull(int64_t clock, int64_t need, bool whole, uint32_t requests,
                      const PushReport* report) {
  rows_are_due();
  result_ = {};
  result_.slowest = std::numeric_limits<int64_t>::max();
  missing_.assign(missing_.size(), true);
  missing_end_ = missing_.size();
  for (int server = 0; server < placement_.servers(); ++server) {
    if (!takes_part(server)) continue;
    const std::vector<int>& blocks = placement_.blocks_of(server);
    Question q;
    q.message.header = header(Kind::pull, server, clock);
    q.message.header.need = need;
    q.message.header.flags = whole ? kWhole : 0;
    q.message.header.requests = server == 0 ? requests : 0;
    q.blocks.insert(blocks.begin(), blocks.end());
    if (blocks.empty()) q.blocks.insert(-1);
    if (report && server == 0) this->report(q.message, *report);
    ++pulls_;
    ++unheard_;
    ask(std::move(q));
  }
}

// With the pull; worker 0 also asks for the sum.
void ClientCore::report(Message& pull, const PushReport& mine) {
  own(pull, std::as_bytes(std::span(&mine, 1)));
  if (config_.worker != 0) return;
  Question q;
  q.message.header = pull.header;
  q.message.header.kind = static_cast<uint16_t>(Kind::fetch);
  q.message.header.buffer = kReports;
  q.into = std::as_writable_bytes(std::span(&result_.reports, 1));
  ask(std::move(q));
}

void ClientCore::load(int block, uint32_t buffer, const float* floats) {
  Question q = about(Kind::load, block, 0, floats);
  q.message.header.buffer = buffer;
  ask(std::move(q));
}

void ClientCore::fetch(int block, uint32_t buffer, float* into) {
  Question q = about(Kind::fetch, block, 0, nullptr);
  q.message.header.buffer = buffer;
  const auto count = static_cast<size_t>(placement_.block(block).range.size());
  q.into = std::as_writable_bytes(std::span(into, count));
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
  const size_t of_tables = static_cast<size_t>(config_.tables) * kTableShards;
  const std::vector<float> scales =
      table_scales(scalars.grad_scale, partials().last(of_tables), config_.clip_table_norm);
  const Bytes payload = std::as_bytes(std::span(scales));
  for (int server = 0; server < placement_.servers(); ++server) {
    Question q;
    q.message.header = header(Kind::commit, server, clock);
    q.message.header.scalars = scalars;
    q.message.header.flags = (verdict.applied ? kApplied : 0) | (verdict.finite ? kFinite : 0);
    q.message.header.grad_norm = verdict.grad_norm;
    own(q.message, payload);
    ask(std::move(q));
  }
  awaits_partials_ = false;
  expect_partials(clock + 1);
}

void ClientCore::expect_partials(int64_t clock) {
  partials_clock_ = clock;
  for (int server = 0; server < placement_.servers(); ++server)
    if (takes_part(server)) partials_missing_.insert(server);
}

bool ClientCore::takes_part(int server) const {
  return config_.tables > 0 || !placement_.blocks_of(server).empty();
}

bool ClientCore::poll(Message& out) {
  for (Server& s : servers_) {
    if (s.queued.empty() || s.asked.size() - s.ahead >= config_.in_flight) continue;
    Question q = std::move(s.queued.front());
    s.queued.pop_front();
    q.message.header.sequence = ++s.sequence;
    seal(q.message);
    ++counts_.messages_out;
    counts_.bytes_out += static_cast<int64_t>(q.message.payload.size());
    out = Message{q.message.from, q.message.to, q.message.header, q.message.payload,
                  std::move(q.message.owned)};
    const Kind kind = q.message.kind();
    if (kind == Kind::bye || kind == Kind::commit)
      --open_;
    else {
      s.ahead += !q.due;
      s.asked.emplace(q.message.header.sequence, std::move(q));
    }
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
  const Kind expected = answer_to(found->second.message.kind());
  if (static_cast<Kind>(h.kind) != expected) refuse(h, "answers another question");
  Question& q = found->second;
  if (expected == Kind::pulled && !q.blocks.contains(h.block)) return nullptr;
  if (expected != Kind::pulled &&
      (h.block != q.message.header.block || h.table != q.message.header.table))
    refuse(h, "answers for another block or table");
  if (q.ahead() && (h.piece_index & 1) != h.piece_index) refuse(h, "is of no such part");
  if (q.ahead() && q.part_came[h.piece_index]) return nullptr;
  return &q;
}

void ClientCore::end(const Header& h) {
  Server& server = servers_[static_cast<size_t>(h.server)];
  const auto found = server.asked.find(h.sequence);
  if (!found->second.due) {
    --ahead_;
    --server.ahead;
  }
  server.asked.erase(found);
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
  MutableBytes to = q->into;
  if (static_cast<Kind>(h.kind) == Kind::pulled && h.block >= 0) {
    const Range range = placement_.block(h.block).range;
    to = std::as_writable_bytes(
        std::span(weights_ + range.begin, static_cast<size_t>(range.size())));
  } else if (static_cast<Kind>(h.kind) == Kind::fetched_rows) {
    const int64_t first = q->message.header.need, most = q->message.header.samples;
    const auto count = static_cast<size_t>(std::clamp<int64_t>(h.version - first, 0, most));
    to = to.first(most == 0 ? 0 : to.size() / static_cast<size_t>(most) * count);
  } else if (q->ahead()) {
    to = part_of(*q, h.piece_index);
    if (h.payload_bytes <= to.size()) to = to.first(h.payload_bytes);
  }
  if (h.payload_bytes != to.size()) refuse(h, "has another size than what was asked for");
  return to;
}

void ClientCore::on_message(Message&& m) {
  const Header& h = m.header;
  counts_.bytes_in += static_cast<int64_t>(m.payload.size());
  if (m.kind() == Kind::partials) return take_partials(m);
  Question* question = answered(h);
  if (!question) return;
  if (question->version) *question->version = h.version;
  const MutableBytes to = place(h);
  if (!to.empty() && to.data() != m.payload.data())
    std::memcpy(to.data(), m.payload.data(), to.size());
  if (m.kind() == Kind::pulled)
    take_pulled(m);
  else if (!question->ahead() || take_part(*question, h.piece_index))
    end(h);
}

void ClientCore::take_partials(const Message& m) {
  const Header& h = m.header;
  if (static_cast<int64_t>(h.clock) != partials_clock_ || !partials_missing_.contains(h.server))
    return;  // repeated
  const std::span<const double> values = values_of<double>(m);
  const size_t of_all_tables = static_cast<size_t>(config_.tables) * kTableShards;
  size_t at = 0;
  for (int block : placement_.blocks_of(h.server)) {
    const Range range = placement_.block(block).range;
    const auto n = static_cast<size_t>((range.size() + kSumChunk - 1) / kSumChunk);
    if (at + n > values.size()) refuse(h, "has too few partial sums");
    std::copy_n(values.data() + at, n, partials_.data() + range.begin / kSumChunk);
    at += n;
  }
  const ShardRange shards = shards_of(h.server, placement_.servers());
  double* of_tables = partials_.data() + (partials_.size() - of_all_tables);
  for (int t = 0; t < config_.tables; ++t, at += static_cast<size_t>(shards.size())) {
    if (at + static_cast<size_t>(shards.size()) > values.size())
      refuse(h, "has too few partial sums");
    std::copy_n(values.data() + at, shards.size(), of_tables + t * kTableShards + shards.first);
  }
  partials_missing_.erase(h.server);
}

void ClientCore::take_pulled(const Message& m) {
  const Header& h = m.header;
  Question& q = *answered(h);
  if (h.block >= 0) {
    versions_[static_cast<size_t>(h.block)] = h.version;
    if (config_.consistency.mode == Mode::sync) coder_.conclude(h.block, h.flags & kApplied);
  }
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
  if (!std::exchange(q.heard, true)) --unheard_;
  q.blocks.erase(h.block);
  if (h.block >= 0) missing_[static_cast<size_t>(h.block)] = false;
  while (missing_end_ > 0 && !missing_[missing_end_ - 1]) --missing_end_;
  if (!q.blocks.empty()) return;
  --pulls_;
  end(h);
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
