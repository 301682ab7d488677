// What a worker asks about rows of tables.
#include <cstring>
#include <utility>

#include "ps/client_core.h"

namespace trireme::ps {

ClientCore::Question ClientCore::rows(Kind kind, int table, int server, int64_t clock) const {
  Question q;
  q.message.header = header(kind, server, clock);
  q.message.header.table = table;
  return q;
}

void ClientCore::pull_rows(int table, int server, int64_t clock, std::span<const int64_t> keys,
                           bool trains, MutableBytes into) {
  Question q = rows(Kind::pull_rows, table, server, clock);
  q.message.header.need = config_.consistency.mode == Mode::sync ? clock : 0;
  q.message.header.flags = trains ? kTrains : 0;
  q.message.payload = std::as_bytes(keys);
  q.into = into;
  ask(std::move(q));
}

void ClientCore::push_rows(int table, int server, int64_t clock, Bytes parts,
                           const OptimizerScalars& scalars) {
  Question q = rows(Kind::push_rows, table, server, clock);
  q.message.header.scalars = scalars;
  if (!parts.empty()) {
    q.message.owned = pool_->take(parts.size());
    std::memcpy(q.message.owned->data(), parts.data(), parts.size());
    q.message.payload = {q.message.owned->data(), parts.size()};
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

void ClientCore::fetch_rows(int table, int server, Part part, int64_t first, int64_t most,
                            MutableBytes into, int64_t* all) {
  Question q = rows(Kind::fetch_rows, table, server, 0);
  q.message.header.buffer = static_cast<uint32_t>(part);
  q.message.header.need = first;
  q.message.header.samples = most;
  q.into = into;
  q.all_rows = all;
  ask(std::move(q));
}

}  // namespace trireme::ps
