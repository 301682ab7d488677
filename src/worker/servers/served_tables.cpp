#include "worker/servers/served_tables.h"

#include <algorithm>
#include <cstring>

#include "ps/table_shards.h"

namespace trireme {
namespace {

constexpr size_t kChunkBytes = 4 << 20;  // of rows that travel in one message

}  // namespace

ServedTables::ServedTables(Servers& servers, const Topology& topology,
                           std::span<const TableSpec> specs, const ps::RowOptimizer& optimizer,
                           const ps::LifeSpec& life)
    : servers_(servers),
      topology_(topology),
      specs_(specs.begin(), specs.end()),
      optimizer_(optimizer),
      life_(life),
      count_(servers.count()),
      before_(specs.size()),
      pushed_(topology, specs_, !servers.in_step(), topology.lanes),
      sums_(specs.size()) {
  for (Pull* pull : {&now_, &ahead_})
    pull->shares.resize(specs.size() * static_cast<size_t>(count_));
}

// One wait for all of them. What was asked for ahead has been answered when nothing is open.
void ServedTables::fetch(std::span<const Fetch> wanted, bool trains) {
  const int tables = static_cast<int>(wanted.size());
  const bool ahead = trains && announced_;
  if (trains) announced_ = false;
  Pull& pull = ahead ? ahead_ : now_;
  if (!ahead) {
    pull.flags = trains ? ps::kTrains : 0;
    for (int t = 0; t < tables; ++t) split(pull, t, wanted[static_cast<size_t>(t)].keys);
  }
  servers_.ask([&](ps::ClientCore& client) {
    for (int t = 0; t < tables && !ahead; ++t) ask(pull, t, servers_.clock(), client);
  });
  for (int t = 0; t < tables; ++t)
    deal_out(pull, t, wanted[static_cast<size_t>(t)].rows, wanted[static_cast<size_t>(t)].present);
}

void ServedTables::announce(std::span<const std::span<const int64_t>> keys) {
  const int tables = static_cast<int>(keys.size());
  ahead_.flags = ps::kTrains | ps::kAhead;
  for (int t = 0; t < tables; ++t) split(ahead_, t, keys[static_cast<size_t>(t)]);
  servers_.tell([&](ps::ClientCore& client) {
    for (int t = 0; t < tables; ++t) ask(ahead_, t, servers_.clock() + 1, client);
  });
  announced_ = true;
}

void ServedTables::split(Pull& pull, int table, std::span<const int64_t> keys) const {
  for (Share& share : shares(pull, table)) {
    share.keys.clear();
    share.places.clear();
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    Share& share = shares(pull, table)[static_cast<size_t>(ps::server_of_key(keys[i], count_))];
    share.keys.push_back(keys[i]);
    share.places.push_back(i);
  }
}

// Servers want to hear of a training step's keys also from workers that have none: then they know
// all of them.
void ServedTables::ask(Pull& pull, int table, int64_t clock, ps::ClientCore& client) const {
  const auto dim = static_cast<size_t>(spec(table).dim);
  for (int s = 0; s < count_; ++s) {
    Share& share = shares(pull, table)[static_cast<size_t>(s)];
    if (share.keys.empty() && !(pull.flags & ps::kTrains)) continue;
    const size_t n = share.keys.size();
    share.answer.resize(pull.flags & ps::kAhead ? ps::ahead_bytes(n, dim)
                                                : ps::pulled_bytes(n, dim));
    client.pull_rows(table, s, clock, share.keys, pull.flags, share.answer);
  }
}

void ServedTables::deal_out(Pull& pull, int table, float* rows, uint8_t* present) const {
  const auto dim = static_cast<size_t>(spec(table).dim);
  const size_t bytes = dim * sizeof(float);
  for (const Share& share : shares(pull, table)) {
    const size_t n = share.keys.size();
    const std::span<const std::byte> answer = share.answer;
    const auto deal = [&](size_t i, const std::byte* part, size_t part_keys, size_t k) {
      present[share.places[i]] = static_cast<uint8_t>(part[k]);
      std::memcpy(rows + share.places[i] * dim, part + ps::pulled_bytes(part_keys, 0) + k * bytes,
                  bytes);
    };
    if (!(pull.flags & ps::kAhead)) {
      for (size_t i = 0; i < n; ++i) deal(i, answer.data(), n, i);
      continue;
    }
    const auto in_first = answer.first(n);
    const std::byte* parts[2] = {answer.data() + ps::second_part(n, answer.size()),
                                 answer.data() + ps::pulled_bytes(n, 0)};
    size_t sizes[2] = {0, 0}, next[2] = {0, 0};
    for (const std::byte first : in_first) ++sizes[static_cast<size_t>(first)];
    for (size_t i = 0; i < n; ++i) {
      const auto part = static_cast<size_t>(in_first[i]);
      deal(i, parts[part], sizes[part], next[part]++);
    }
  }
}

void ServedTables::send(int table, std::span<const ps::NodeRows> sums,
                        const OptimizerScalars& scalars) {
  const ps::DealtRows rows(sums, count_);
  servers_.tell([&](ps::ClientCore& client) {
    for (int s = 0; s < count_; ++s) client.push_rows(table, s, step_, rows, scalars);
  });
}

void ServedTables::reduce(int64_t step, std::span<double> squares) {
  step_ = step;
  std::ranges::fill(squares, 0.0);
  for (size_t t = 0; t < specs_.size(); ++t) {
    const int table = static_cast<int>(t);
    sums_[t] = pushed_.sums(table);
    if (servers_.in_step())
      send(table, sums_[t], {});
    else if (!sums_[t].empty())
      ps::shard_squares(sums_[t].front().rows,
                        squares.subspan(t * ps::kTableShards, ps::kTableShards));
  }
  pushed_.end();
}

void ServedTables::commit(int part, int, const OptimizerScalars& scalars) {
  if (part != 0 || servers_.in_step()) return;
  for (size_t t = 0; t < specs_.size(); ++t)
    send(static_cast<int>(t), scalars.skip ? std::span<const ps::NodeRows>{} : sums_[t], scalars);
}

ps::RowState ServedTables::row_state(int table) const {
  return optimizer_.row_state(spec(table).dim);
}

ps::LifeCounts ServedTables::counts(int table) const {
  std::vector<ps::LifeCounts> counts(static_cast<size_t>(count_));
  servers_.ask([&](ps::ClientCore& client) {
    for (int s = 0; s < count_; ++s) client.fetch_counts(table, s, &counts[static_cast<size_t>(s)]);
  });
  ps::LifeCounts total = before_[static_cast<size_t>(table)];
  for (const ps::LifeCounts& count : counts) total += count;
  return total;
}

// One chunk of each server at a time; each has its rows by ascending key.
TableState::Images ServedTables::fetch_all(int table, ps::Part part, size_t row_bytes) const {
  const auto most = static_cast<int64_t>(std::max<size_t>(1, kChunkBytes / row_bytes));
  struct Chunk {
    int64_t first = 0, all = 1;  // rows of the server: in the chunk, and all
    std::vector<std::byte> rows;
    size_t next = 0, came = 0;  // bytes
    int64_t key() const {
      int64_t key;
      std::memcpy(&key, rows.data() + next + offsetof(ps::RowHeader, key), sizeof key);
      return key;
    }
  };
  std::vector<Chunk> chunks(static_cast<size_t>(count_));
  for (Chunk& c : chunks) c.rows.resize(static_cast<size_t>(most) * row_bytes);
  TableState::Images images{row_bytes, {}};
  const auto refill = [&] {
    servers_.ask([&](ps::ClientCore& client) {
      for (int s = 0; s < count_; ++s)
        if (Chunk& c = chunks[static_cast<size_t>(s)]; c.next == c.came && c.first < c.all)
          client.fetch_rows(table, s, part, c.first, most, c.rows, &c.all);
    });
    for (Chunk& c : chunks) {
      if (c.next < c.came) continue;
      const int64_t rows = std::clamp<int64_t>(c.all - c.first, 0, most);
      c.first += rows;
      c.next = 0;
      c.came = static_cast<size_t>(rows) * row_bytes;
    }
  };
  refill();
  int64_t all = 0;
  for (const Chunk& c : chunks) all += c.all;
  images.rows.reserve(static_cast<size_t>(all) * row_bytes);
  while (true) {
    Chunk* least = nullptr;
    for (Chunk& c : chunks)
      if (c.next < c.came && (!least || c.key() < least->key())) least = &c;
    if (!least) return images;
    const auto from = least->rows.begin() + static_cast<std::ptrdiff_t>(least->next);
    images.rows.insert(images.rows.end(), from, from + static_cast<std::ptrdiff_t>(row_bytes));
    least->next += row_bytes;
    if (least->next == least->came && least->first < least->all) refill();
  }
}

// A row at a time from the checkpoint's files, a chunk at a time to each server.
void ServedTables::load_all(int table, ps::Part part, std::span<const StoredRows> parts) {
  std::vector<std::vector<std::byte>> chunks(static_cast<size_t>(count_));
  const auto flush = [&] {
    servers_.ask([&](ps::ClientCore& client) {
      for (int s = 0; s < count_; ++s)
        if (!chunks[static_cast<size_t>(s)].empty())
          client.load_rows(table, s, part, chunks[static_cast<size_t>(s)]);
    });
    for (auto& chunk : chunks) chunk.clear();
  };
  for (const StoredRows& from : parts)
    for (int64_t i = 0; i < from.size(); ++i) {
      auto& chunk = chunks[static_cast<size_t>(ps::server_of_key(from.key(i), count_))];
      chunk.resize(chunk.size() + from.row_bytes());
      from.copy(i, chunk.data() + chunk.size() - from.row_bytes());
      if (chunk.size() >= kChunkBytes) flush();
    }
  flush();
}

// Counts are of all servers together: worker 0 writes them also where servers write their rows.
std::unique_ptr<StateSource> ServedTables::copy_of(bool rows) const {
  auto state = std::make_unique<TableState>();
  for (int t = 0; t < static_cast<int>(specs_.size()); ++t) {
    if (rows) fetch_into(*state, t);
    if (life_.any()) state->add_counts(spec(t), counts(t));
  }
  return state;
}

void ServedTables::fetch_into(TableState& state, int t) const {
  const size_t row_bytes = ps::RowTable::row_bytes(spec(t).dim, row_state(t));
  state.add(spec(t), fetch_all(t, ps::Part::rows, row_bytes), optimizer_.moments(spec(t).dim));
  if (life_.admit_after > 1)
    state.add_candidates(spec(t),
                         fetch_all(t, ps::Part::candidates, ps::RowTable::row_bytes(0, {})));
}

void ServedTables::restore(const CheckpointReader& checkpoint) {
  if (!servers_.first()) return;
  for (int t = 0; t < static_cast<int>(specs_.size()); ++t) {
    before_[static_cast<size_t>(t)] = restored_counts(checkpoint, spec(t));
    if (servers_.read_themselves) continue;
    load_all(t, ps::Part::rows,
             stored_rows(checkpoint, spec(t), optimizer_.moments(spec(t).dim), row_state(t)));
    if (life_.admit_after > 1)
      load_all(t, ps::Part::candidates, stored_candidates(checkpoint, spec(t)));
  }
}

}  // namespace trireme
