#include "ps/server_core.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace trireme::ps {

void DelayCounts::add(int64_t updates) {
  ++pushes;
  sum += updates;
  most = std::max(most, updates);
  const size_t power = static_cast<size_t>(std::bit_width(static_cast<uint64_t>(updates)));
  ++by_power[std::min(power, by_power.size() - 1)];
}

namespace {

TableStoreSpec tables_of(const ServerConfig& config, const Placement& placement) {
  return {config.tables, config.seed,   config.server, placement.servers(),
          config.runs,   config.shards, config.life,   config.spread};
}

}  // namespace

ServerCore::ServerCore(const ServerConfig& config, const KernelTable& kernels,
                       const Optimizer& optimizer, const ParamTable& params,
                       const Placement& placement, float* weights)
    : config_(config),
      placement_(placement),
      store_(kernels, optimizer, params, placement, config.server, config.average, weights,
             config.spread),
      tables_(tables_of(config, placement), kernels,
              RowOptimizer(optimizer, config.rowwise, {config.clip_row_norm, 0})),
      announced_(config.tables.size(), config.workers),
      clock_(kernels, placement, config.server, config.runs, config.shards, config.spread),
      open_(config.start_clock),
      clocks_(
          config.workers, config.start_clock,
          static_cast<int64_t>(placement.blocks_of(config.server).size() + config.tables.size())),
      given_(placement, config.server,
             config.delay_compensation > 0 && !sync() ? config.workers : 0),
      meeting_(config.workers, config.push_every),
      windows_(static_cast<size_t>(config.workers)),
      told_(static_cast<size_t>(config.workers)) {
  // Parameters lie in reverse order of first use.
  const std::vector<int>& mine = placement.blocks_of(config.server);
  use_order_.assign(mine.rbegin(), mine.rend());
}

void ServerCore::refuse(const Header& header, const std::string& why) const {
  throw FormatError(fmt::format("server {}: {}: {}", config_.server, why, in_words(header)),
                    "this is a fault in the program, the network or a host's memory");
}

// Whether a message is to be acted on.
bool ServerCore::take(const Message& m) {
  const Header& h = m.header;
  ++counts_.messages_in;
  counts_.bytes_in += static_cast<int64_t>(m.payload.size());
  if (h.worker != m.from || h.worker < 0 || h.worker >= config_.workers ||
      h.server != config_.server)
    refuse(h, fmt::format("a message from node {} is not for it", m.from));
  if (h.generation > config_.generation) refuse(h, "a message of a later run");
  if (h.generation < config_.generation) {
    ++counts_.of_earlier_runs;
    return false;
  }
  switch (windows_[static_cast<size_t>(h.worker)].admit(h.sequence)) {
    case PushWindow::Admission::fresh:
      return true;
    case PushWindow::Admission::repeated:
      ++counts_.repeated;
      return false;
    case PushWindow::Admission::beyond:
      break;
  }
  refuse(h, "a worker asked too far ahead");
}

void ServerCore::on_message(Message&& m, double now) {
  if (!take(m)) return;
  const Header h = m.header;
  switch (m.kind()) {
    case Kind::push:
      return push(std::move(m), now);
    case Kind::commit:
      return commit(m);
    case Kind::pull:
      meeting_.ask(h.requests);
      take_report(m);
      waiting_.push_back({.header = h, .since = now, .blocks = use_order_});
      if (use_order_.empty()) waiting_.back().blocks = {-1};
      return answer_pulls();
    case Kind::load:
      return load(m);
    case Kind::fetch:
      if (h.buffer != kReports) return fetch(h);
      waiting_.push_back({.header = h, .since = now});
      return answer_pulls();
    case Kind::pull_rows:
      waiting_.push_back(pull_rows(m, now));
      return answer_pulls();
    case Kind::push_rows:
      return push_rows(std::move(m), now);
    case Kind::load_rows:
      return load_rows(m);
    case Kind::fetch_rows:
      return fetch_rows(h);
    case Kind::save:
      return save(m);
    case Kind::restore:
      return restore(m);
    case Kind::fetch_progress:
      return fetch_progress(h);
    case Kind::bye:
      ++byes_;
      exit_code_ = std::max(exit_code_, static_cast<int>(h.flags));
      return;
    default:
      refuse(h, "a server gets no such message");
  }
}

void ServerCore::push(Message&& m, double now) {
  const Header h = m.header;
  if (!has_block(h.block)) refuse(h, "the block is not its own");
  if (h.flags & kCoded) decode(m);
  const auto whole = static_cast<size_t>(placement_.block(h.block).range.size()) * sizeof(float);
  if (m.payload.size() != whole && (sync() || !m.payload.empty()))
    refuse(h, fmt::format("the block has {} bytes", whole));
  say(Kind::pushed, h, {});
  if (sync())
    push_to_clock(std::move(m), now);
  else
    push_at_once(std::move(m));
}

// The floats, in memory of the message's own.
void ServerCore::decode(Message& m) const {
  const Header& h = m.header;
  const auto n = static_cast<size_t>(placement_.block(h.block).range.size());
  Payload floats = pool_->take(n * sizeof(float));
  attempt(h, [&] { ps::decode(config_.codec, m.payload, {floats->floats(), n}); });
  m.owned = std::move(floats);
  m.payload = {m.owned->data(), n * sizeof(float)};
}

void ServerCore::push_to_clock(Message&& m, double now) {
  const Header& h = m.header;
  if (static_cast<int64_t>(h.clock) != open_) refuse(h, fmt::format("clock {} is open", open_));
  if (!clock_.begun()) clock_.begin(h.samples);
  Payload owned = std::move(m.owned);
  const float* floats = values_of<float>(m).data();
  if (!owned && !m.lasts) {
    owned = pool_->take(m.payload.size());
    std::memcpy(owned->data(), m.payload.data(), m.payload.size());
    floats = owned->floats();
  }
  clock_.take(h.worker, h.block, {h.piece_level, h.piece_index}, floats, std::move(owned),
              h.samples);
  conclude(now);
}

// Something of the open clock has come. When that was the last of it, worker 0 hears of its norm.
void ServerCore::conclude(double now) {
  if (!opened_at_) opened_at_ = now;
  if (!clock_.complete() || !tables_.complete()) return;
  reduced_at_ = now;
  partials_.assign(clock_.partials().begin(), clock_.partials().end());
  tables_.append_partials(partials_);
  Header partials;
  partials.worker = 0;
  partials.clock = static_cast<uint64_t>(open_);
  partials.kind = static_cast<uint16_t>(Kind::partials);
  say(partials, std::as_bytes(std::span<const double>(partials_)), false);
}

// A push without floats only says that the worker has done the clock.
void ServerCore::push_at_once(Message&& m) {
  const Header& h = m.header;
  const auto clock = static_cast<int64_t>(h.clock);
  if (!clocks_.fits(h.worker, h.need, clock))
    refuse(h, fmt::format("the worker has completed {} clocks", clocks_.completed(h.worker)));
  if (!m.payload.empty()) {
    if (given_.keeps()) compensate(m);
    counts_.delay.add(store_.version(h.block) - h.version);
    store_.apply(h.block, values_of<float>(m).data(), h.scalars);
  }
  clocks_.pushed(h.worker, h.need, clock);
  answer_pulls();
}

// In memory of the message's own.
void ServerCore::compensate(Message& m) const {
  const Header& h = m.header;
  if (h.version != given_.version(h.worker, h.block))
    refuse(h,
           fmt::format("the worker was given version {} last", given_.version(h.worker, h.block)));
  if (h.version == store_.version(h.block)) return;
  const std::span<const float> sum = values_of<float>(m);
  Payload own = std::move(m.owned);
  if (!own) own = pool_->take(sum.size_bytes());
  ps::compensate(sum, h.scalars.grad_scale, config_.delay_compensation,
                 store_.values(h.block, kWeights).data(), given_.weights(h.worker, h.block),
                 own->floats());
  m.payload = {own->data(), sum.size_bytes()};
  m.owned = std::move(own);
}

// With tables whose norm is clipped, the payload is each table's scale.
void ServerCore::commit(const Message& m) {
  const Header& h = m.header;
  if (h.worker != 0 || static_cast<int64_t>(h.clock) != open_ || (takes_part() && !reduced_at_))
    refuse(h, fmt::format("clock {} cannot be committed", open_));
  const std::span<const float> scales = values_of<float>(m);
  if (!m.payload.empty() && m.payload.size() != tables_.size() * sizeof(float))
    refuse(h, fmt::format("there are {} tables", tables_.size()));
  if (!std::ranges::all_of(scales, [](float s) { return std::isfinite(s); }))
    refuse(h, "a table's scale is not finite");
  if (h.flags & kApplied) {
    to_apply_.assign(use_order_.begin(), use_order_.end());
    tables_.commit(h.scalars, scales);
  }
  if (to_apply_.empty()) clock_.end();
  tables_.end();
  opened_at_.reset();
  reduced_at_.reset();
  verdict_ = h.flags;
  grad_norm_ = h.grad_norm;
  scalars_ = h.scalars;
  announced_.forget(open_);
  ++open_;
  answer_pulls();
}

bool ServerCore::has_block(int block) const {
  return block >= 0 && static_cast<size_t>(block) < placement_.blocks().size() &&
         placement_.block(block).server == config_.server;
}

std::span<float> ServerCore::buffer_of(const Header& h) const {
  std::span<float> values;
  if (has_block(h.block)) values = store_.values(h.block, h.buffer);
  if (values.empty()) refuse(h, "it has no such buffer");
  return values;
}

void ServerCore::load(const Message& m) {
  const std::span<float> values = buffer_of(m.header);
  if (m.payload.size() != values.size_bytes())
    refuse(m.header, fmt::format("the block has {} bytes", values.size_bytes()));
  std::memcpy(values.data(), m.payload.data(), m.payload.size());
  if (m.header.buffer == kWeights) begin_with_weights(m.header.block);
  say(Kind::loaded, m.header, {});
}

// All workers do.
void ServerCore::begin_with_weights(int block) {
  for (int worker = 0; worker < given_.workers(); ++worker)
    given_.give(worker, block, store_.values(block, kWeights), store_.version(block));
}

void ServerCore::fetch(const Header& h) {
  const std::span<float> values = buffer_of(h);
  say(Kind::fetched, h, std::as_bytes(values), !sync());
}

void ServerCore::apply_next() {
  const int block = to_apply_.front();
  to_apply_.pop_front();
  store_.apply(block, clock_.sum(block), scalars_);
  if (to_apply_.empty()) clock_.end();
  answer_pulls();
}

void ServerCore::say(Kind kind, const Header& question, Bytes payload, bool copy) {
  Header h = question;
  h.kind = static_cast<uint16_t>(kind);
  say(h, payload, copy);
}

void ServerCore::say(const Header& header, Bytes payload, bool copy) {
  Message m;
  m.header = header;
  if (copy && !payload.empty()) {
    m.owned = pool_->take(payload.size());
    std::memcpy(m.owned->data(), payload.data(), payload.size());
    payload = {m.owned->data(), payload.size()};
  }
  m.payload = payload;
  send(std::move(m));
}

// The payload's first `bytes`.
void ServerCore::say(Kind kind, const Header& question, Payload payload, size_t bytes) {
  Message m;
  m.header = question;
  m.header.kind = static_cast<uint16_t>(kind);
  m.owned = std::move(payload);
  m.payload = {m.owned->data(), bytes};
  send(std::move(m));
}

void ServerCore::send(Message&& m) {
  m.header.server = config_.server;
  m.header.generation = config_.generation;
  m.from = config_.workers + config_.server;
  m.to = m.header.worker;
  seal(m);
  ++counts_.messages_out;
  counts_.bytes_out += static_cast<int64_t>(m.payload.size());
  out_.push_back(std::move(m));
}

bool ServerCore::poll(Message& out) {
  while (out_.empty() && !to_apply_.empty()) apply_next();
  if (out_.empty()) {
    tables_.finish();
    return false;
  }
  out = std::move(out_.front());
  out_.pop_front();
  return true;
}

std::optional<ServerCore::Awaited> ServerCore::awaited() const {
  if (sync()) {
    if (!opened_at_) return std::nullopt;
    if (reduced_at_) return Awaited{"the verdict", open_, {0}, *reduced_at_};
    std::vector<int> workers, of_rows = tables_.missing();
    std::ranges::set_union(clock_.missing(), of_rows, std::back_inserter(workers));
    return Awaited{"gradients", open_, std::move(workers), *opened_at_};
  }
  if (waiting_.empty()) return std::nullopt;
  const int slowest = clocks_.slowest_worker();
  return Awaited{"gradients", clocks_.completed(slowest), {slowest}, waiting_.front().since};
}

}  // namespace trireme::ps
