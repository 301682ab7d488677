// What a server answers about rows of tables.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "ps/server_core.h"

namespace trireme::ps {

bool ServerCore::takes_part() const {
  return !placement_.blocks_of(config_.server).empty() || tables_.size() > 0;
}

void ServerCore::require_table(const Header& h) const {
  if (h.table < 0 || static_cast<size_t>(h.table) >= tables_.size())
    refuse(h, "it has no such table");
}

ServerCore::Waiting ServerCore::pull_rows(const Message& m, double now) {
  const Header& h = m.header;
  require_table(h);
  if (m.payload.size() % sizeof(int64_t) != 0) refuse(h, "keys have 8 bytes each");
  Waiting pull{h, now, std::vector<int64_t>(m.payload.size() / sizeof(int64_t))};
  if (!m.payload.empty()) std::memcpy(pull.keys.data(), m.payload.data(), m.payload.size());
  attempt(h, [&] { tables_.require_keys(h.table, pull.keys); });
  const auto clock = static_cast<int64_t>(h.clock);
  if (sync() && (h.flags & kTrains) && (clock == open_ || clock == open_ + 1))
    announced_.add(h.table, h.worker, clock, pull.keys);
  return pull;
}

// Rows of the clock after the open one, when it is known which of them the open one will change.
bool ServerCore::may_begin(const Waiting& pull) const {
  const Header& h = pull.header;
  return static_cast<Kind>(h.kind) == Kind::pull_rows && (h.flags & kAhead) && !pull.begun &&
         sync() && !config_.life.takes_away() && static_cast<int64_t>(h.clock) == open_ + 1 &&
         announced_.complete(h.table, open_);
}

void ServerCore::answer_first_part(Waiting& pull) {
  const Header& h = pull.header;
  const std::vector<bool> lasting = announced_.untouched(h.table, open_, pull.keys);
  std::vector<int64_t> now, later;
  for (size_t i = 0; i < pull.keys.size(); ++i) (lasting[i] ? now : later).push_back(pull.keys[i]);
  const size_t front = pulled_bytes(pull.keys.size(), 0);
  const auto dim = static_cast<size_t>(tables_.rows(h.table).dim());
  const size_t bytes = front + pulled_bytes(now.size(), dim);
  Payload payload = pool_->take(bytes);
  std::memset(payload->data(), 0, front);
  for (size_t i = 0; i < lasting.size(); ++i)
    payload->data()[i] = static_cast<std::byte>(lasting[i]);
  tables_.pull(h.table, now, h.flags & kTrains, payload->data() + front,
               TableStore::Remember::for_next_clock);
  counts_.early_rows += static_cast<int64_t>(now.size());
  counts_.rows += static_cast<int64_t>(now.size());
  pull.answered = later.empty();
  pull.begun = true;
  pull.keys = std::move(later);
  say(Kind::pulled_rows, h, std::move(payload), bytes);
  pull.header.piece_index = 1;
}

// Of rows that were asked for ahead, those that are still owed; if that is all, in one part.
void ServerCore::answer_rows(const Waiting& pull) {
  counts_.rows += static_cast<int64_t>(pull.keys.size());
  const int table = pull.header.table;
  const auto dim = static_cast<size_t>(tables_.rows(table).dim());
  const bool marks = (pull.header.flags & kAhead) && !pull.begun;
  const size_t front = marks ? pulled_bytes(pull.keys.size(), 0) : 0;
  const size_t bytes = front + pulled_bytes(pull.keys.size(), dim);
  Payload payload = pool_->take(bytes);
  std::memset(payload->data(), 1, front);
  const bool trains = pull.header.flags & kTrains;
  tables_.pull(table, pull.keys, trains, payload->data() + front,
               sync() && trains && static_cast<int64_t>(pull.header.clock) == open_
                   ? TableStore::Remember::for_open_clock
                   : TableStore::Remember::nothing);
  say(Kind::pulled_rows, pull.header, std::move(payload), bytes);
}

void ServerCore::push_rows(Message&& m, double now) {
  const Header h = m.header;
  require_table(h);
  if (sync()) {
    if (static_cast<int64_t>(h.clock) != open_) refuse(h, fmt::format("clock {} is open", open_));
    attempt(h, [&] { tables_.take(h.worker, h.table, m.payload, std::move(m.owned)); });
    say(Kind::pushed_rows, h, {}, false);
    return conclude(now);
  }
  attempt(h, [&] { tables_.apply(h.table, m.payload, h.scalars); });
  say(Kind::pushed_rows, h, {}, false);
  clocks_.pushed(h.worker, static_cast<int64_t>(h.clock), static_cast<int64_t>(h.clock));
  answer_pulls();
}

Part ServerCore::require_part(const Header& h) const {
  require_table(h);
  if (h.buffer > static_cast<uint32_t>(Part::candidates) ||
      !tables_.part(h.table, static_cast<Part>(h.buffer)))
    refuse(h, "it has no such part of the table");
  return static_cast<Part>(h.buffer);
}

void ServerCore::load_rows(const Message& m) {
  const Part part = require_part(m.header);
  attempt(m.header, [&] { tables_.load(m.header.table, part, m.payload); });
  say(Kind::loaded_rows, m.header, {}, false);
}

void ServerCore::fetch_rows(const Header& question) {
  require_table(question);
  Header h = question;
  if (h.buffer == kCounts) {
    const LifeCounts counts = tables_.counts(h.table);
    h.version = 1;
    h.kind = static_cast<uint16_t>(Kind::fetched_rows);
    return say(h, std::as_bytes(std::span(&counts, 1)), true);
  }
  const Part part = require_part(h);
  const RowTable& rows = *tables_.part(h.table, part);
  h.version = h.need == 0 ? tables_.begin_copy(h.table, part) : tables_.to_copy(h.table, part);
  if (h.need < 0 || h.need > h.version || h.samples < 0) refuse(h, "it has no such rows");
  const int64_t count = std::min(h.samples, h.version - h.need);
  const size_t bytes = static_cast<size_t>(count) * rows.row_bytes();
  Payload payload = pool_->take(bytes);
  tables_.copy(h.table, part, h.need, count, payload->data());
  say(Kind::fetched_rows, h, std::move(payload), bytes);
}

}  // namespace trireme::ps
