#include "worker/servers/served_tables.h"

#include <algorithm>
#include <cstring>

#include "ps/table_shards.h"
#include "worker/table_state.h"

namespace trireme {
namespace {

constexpr size_t kChunkBytes = 4 << 20;  // of rows that travel in one message

// Tables that came from the servers, and their tensors.
class FetchedTables final : public StateSource {
 public:
  void add(TableCopy table, const RowMoments& moments) {
    state_.add(*table.rows, moments);
    tables_.push_back(std::move(table.rows));
    if (!table.candidates) return;
    state_.add_candidates(tables_.back()->spec(), *table.candidates);
    tables_.push_back(std::move(table.candidates));
  }
  void add_counts(const TableSpec& spec, const ps::LifeCounts& counts) {
    state_.add_counts(spec, counts);
  }
  void capture() override {
    state_.capture();
    tables_.clear();
  }
  const std::vector<TensorMeta>& list() const override { return state_.list(); }
  void read(const TensorMeta& tensor, std::span<std::byte> out) override {
    state_.read(tensor, out);
  }

 private:
  std::vector<std::unique_ptr<ps::RowTable>> tables_;  // until captured
  TableState state_;
};

}  // namespace

ServedTables::ServedTables(Servers& servers, const Topology& topology,
                           std::span<const TableSpec> specs, const ps::RowOptimizer& optimizer,
                           uint64_t seed, const ps::LifeSpec& life)
    : servers_(servers),
      topology_(topology),
      specs_(specs.begin(), specs.end()),
      optimizer_(optimizer),
      seed_(seed),
      life_(life),
      count_(servers.count()),
      before_(specs.size()),
      pushed_(topology, specs_),
      sums_(specs.size()) {
  for (Pull* pull : {&now_, &ahead_})
    pull->shares.resize(specs.size() * static_cast<size_t>(count_));
}

void ServedTables::fetch(int table, std::span<const int64_t> keys, bool trains, float* rows,
                         uint8_t* present) {
  now_.flags = trains ? ps::kTrains : 0;
  split(now_, table, keys);
  servers_.ask([&](ps::ClientCore& client) { ask(now_, table, servers_.clock(), client); });
  deal_out(now_, table, rows, present);
}

// One wait for all of them. What was asked for ahead has been answered when nothing is open.
void ServedTables::fetch_all(std::span<const Fetch> wanted, bool trains) {
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

void ServedTables::send(int table, std::span<const ps::NodeGradient> parts,
                        const OptimizerScalars& scalars) {
  const auto by_server = ps::split_by_server(parts, count_);
  std::vector<std::byte> bytes;
  servers_.tell([&](ps::ClientCore& client) {
    for (int s = 0; s < count_; ++s) {
      bytes.clear();
      for (const ps::NodeGradient& part : by_server[static_cast<size_t>(s)])
        ps::append_bytes(part, bytes);
      client.push_rows(table, s, step_, bytes, scalars);
    }
  });
}

void ServedTables::reduce(int64_t step, std::span<double> squares) {
  step_ = step;
  std::ranges::fill(squares, 0.0);
  const ps::TreeNode root = ps::root_of(topology_.shards);
  for (size_t t = 0; t < specs_.size(); ++t) {
    const int table = static_cast<int>(t);
    std::vector<ps::NodeGradient> parts = pushed_.take_sums(table);
    if (servers_.in_step()) {
      send(table, parts, {});
      continue;
    }
    sums_[t] = {root, ps::sum_of(parts, root, spec(table).dim)};
    ps::shard_squares(sums_[t].gradient, squares.subspan(t * ps::kTableShards, ps::kTableShards));
  }
}

void ServedTables::commit(int part, int, const OptimizerScalars& scalars) {
  if (part != 0 || servers_.in_step()) return;
  for (size_t t = 0; t < specs_.size(); ++t)
    send(static_cast<int>(t), std::span(&sums_[t], scalars.skip ? 0 : 1), scalars);
}

// Without a life: that is the servers' matter.
TableCopy ServedTables::empty_table(int table) const {
  TableCopy copy;
  copy.rows =
      std::make_unique<ps::RowTable>(spec(table), optimizer_.row_state(spec(table).dim), seed_);
  if (life_.admit_after > 1) copy.candidates = ps::empty_candidates(spec(table));
  return copy;
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

// One chunk of each server at a time.
void ServedTables::fetch_all(int table, ps::Part part, ps::RowTable& into) const {
  const size_t size = into.row_bytes();
  const auto most = static_cast<int64_t>(std::max<size_t>(1, kChunkBytes / size));
  struct Chunk {
    int64_t first = 0, all = 1;
    std::vector<std::byte> rows;
  };
  std::vector<Chunk> chunks(static_cast<size_t>(count_));
  const auto open = [](const Chunk& c) { return c.first < c.all; };
  for (Chunk& c : chunks) c.rows.resize(static_cast<size_t>(most) * size);
  while (std::ranges::any_of(chunks, open)) {
    servers_.ask([&](ps::ClientCore& client) {
      for (int s = 0; s < count_; ++s)
        if (Chunk& c = chunks[static_cast<size_t>(s)]; open(c))
          client.fetch_rows(table, s, part, c.first, most, c.rows, &c.all);
    });
    for (Chunk& c : chunks) {
      const int64_t came = std::clamp<int64_t>(c.all - c.first, 0, most);
      for (int64_t i = 0; i < came; ++i) {
        const std::byte* from = c.rows.data() + static_cast<size_t>(i) * size;
        ps::RowHeader header;
        std::memcpy(&header, from, sizeof header);
        if (!header.live()) continue;
        ps::RowId row;
        into.find_or_create(std::span(&header.key, 1), std::span(&row, 1));
        std::memcpy(&into.header(row), from, size);
      }
      c.first += most;
    }
  }
}

void ServedTables::load_all(int table, ps::Part part, const ps::RowTable& from) {
  const size_t size = from.row_bytes();
  std::vector<std::vector<std::byte>> chunks(static_cast<size_t>(count_));
  const auto flush = [&] {
    servers_.ask([&](ps::ClientCore& client) {
      for (int s = 0; s < count_; ++s)
        if (!chunks[static_cast<size_t>(s)].empty())
          client.load_rows(table, s, part, chunks[static_cast<size_t>(s)]);
    });
    for (auto& chunk : chunks) chunk.clear();
  };
  for (int64_t i = 0; i < from.size(); ++i) {
    const ps::RowHeader& header = from.header(static_cast<ps::RowId>(i));
    auto& chunk = chunks[static_cast<size_t>(ps::server_of_key(header.key, count_))];
    const auto* bytes = reinterpret_cast<const std::byte*>(&header);
    chunk.insert(chunk.end(), bytes, bytes + size);
    if (chunk.size() >= kChunkBytes) flush();
  }
  flush();
}

std::unique_ptr<StateSource> ServedTables::snapshot() {
  auto state = std::make_unique<FetchedTables>();
  for (int t = 0; t < static_cast<int>(specs_.size()); ++t) {
    TableCopy table = empty_table(t);
    fetch_all(t, ps::Part::rows, *table.rows);
    if (table.candidates) fetch_all(t, ps::Part::candidates, *table.candidates);
    state->add(std::move(table), optimizer_.moments(spec(t).dim));
    if (life_.any()) state->add_counts(spec(t), counts(t));
  }
  return state;
}

void ServedTables::restore(const CheckpointReader& checkpoint) {
  if (!servers_.first()) return;
  for (int t = 0; t < static_cast<int>(specs_.size()); ++t) {
    const TableCopy table = empty_table(t);
    restore_table(checkpoint, optimizer_.moments(spec(t).dim), *table.rows);
    load_all(t, ps::Part::rows, *table.rows);
    before_[static_cast<size_t>(t)] = restored_counts(checkpoint, spec(t));
    if (!table.candidates) continue;
    restore_candidates(checkpoint, spec(t), *table.candidates);
    load_all(t, ps::Part::candidates, *table.candidates);
  }
}

}  // namespace trireme
