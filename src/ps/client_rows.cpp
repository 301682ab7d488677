// What a worker asks about rows of tables, and about what servers do with checkpoints.
#include <algorithm>
#include <utility>

#include "ps/client_core.h"
#include "ps/table_shards.h"

namespace trireme::ps {

ClientCore::Question ClientCore::rows(Kind kind, int table, int server, int64_t clock) const {
  Question q;
  q.message.header = header(kind, server, clock);
  q.message.header.table = table;
  return q;
}

void ClientCore::pull_rows(int table, int server, int64_t clock, std::span<const int64_t> keys,
                           uint32_t flags, MutableBytes into) {
  Question q = rows(Kind::pull_rows, table, server, clock);
  q.message.header.need = config_.consistency.mode == Mode::sync ? clock : 0;
  q.message.header.flags = flags;
  q.message.payload = std::as_bytes(keys);
  q.into = into;
  ask(std::move(q));
}

void ClientCore::rows_are_due() {
  for (Server& s : servers_) {
    for (Question& q : s.queued) q.due = true;
    for (auto& [sequence, q] : s.asked) q.due = true;
    s.ahead = 0;
  }
  ahead_ = 0;
}

MutableBytes ClientCore::part_of(const Question& q, int part) const {
  const size_t keys = q.message.payload.size() / sizeof(int64_t);
  const size_t second = second_part(keys, q.into.size());
  return part == 0 ? q.into.first(second) : q.into.subspan(second);
}

// Whether the question is answered: the first part says if there is a second.
bool ClientCore::take_part(Question& q, int part) {
  q.part_came[part] = true;
  if (!q.part_came[0]) return false;
  const auto in_first = q.into.first(q.message.payload.size() / sizeof(int64_t));
  return q.part_came[1] || std::ranges::find(in_first, std::byte{0}) == in_first.end();
}

void ClientCore::push_rows(int table, int server, int64_t clock, const DealtRows& dealt,
                           const OptimizerScalars& scalars) {
  Question q = rows(Kind::push_rows, table, server, clock);
  q.message.header.scalars = scalars;
  if (const size_t bytes = dealt.bytes(server)) {
    q.message.owned = pool_->take(bytes);
    dealt.write(server, q.message.owned->data());
    q.message.payload = {q.message.owned->data(), bytes};
  }
  ask(std::move(q));
}

void ClientCore::load_rows(int table, int server, Part part, Bytes rows_of) {
  Question q = rows(Kind::load_rows, table, server, 0);
  q.message.header.buffer = static_cast<uint32_t>(part);
  q.message.payload = rows_of;
  ask(std::move(q));
}

void ClientCore::fetch_counts(int table, int server, LifeCounts* into) {
  Question q = rows(Kind::fetch_rows, table, server, 0);
  q.message.header.buffer = kCounts;
  q.message.header.samples = 1;
  q.into = std::as_writable_bytes(std::span(into, 1));
  ask(std::move(q));
}

void ClientCore::save(int server, std::string_view place, bool look_only,
                      std::span<int64_t> rows_of, int64_t* sees) {
  Question q = rows(Kind::save, -1, server, 0);
  q.message.header.flags = look_only ? kLookOnly : 0;
  own(q.message, std::as_bytes(std::span(place)));
  q.into = std::as_writable_bytes(rows_of);
  q.version = sees;
  ask(std::move(q));
}

void ClientCore::restore(int server, std::string_view place, bool look_only, int64_t* sees) {
  Question q = rows(Kind::restore, -1, server, 0);
  q.message.header.flags = look_only ? kLookOnly : 0;
  own(q.message, std::as_bytes(std::span(place)));
  q.version = sees;
  ask(std::move(q));
}

void ClientCore::fetch_progress(int server, uint32_t what, FileProgress* into) {
  Question q = rows(Kind::fetch_progress, -1, server, 0);
  q.message.header.buffer = what;
  q.into = std::as_writable_bytes(std::span(into, 1));
  ask(std::move(q));
}

void ClientCore::fetch_rows(int table, int server, Part part, int64_t first, int64_t most,
                            MutableBytes into, int64_t* all) {
  Question q = rows(Kind::fetch_rows, table, server, 0);
  q.message.header.buffer = static_cast<uint32_t>(part);
  q.message.header.need = first;
  q.message.header.samples = most;
  q.into = into;
  q.version = all;
  ask(std::move(q));
}

}  // namespace trireme::ps
