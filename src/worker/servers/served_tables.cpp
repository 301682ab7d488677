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
  void add(std::unique_ptr<ps::RowTable> table, const RowMoments& moments) {
    state_.add(*table, moments);
    tables_.push_back(std::move(table));
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
                           uint64_t seed)
    : servers_(servers),
      topology_(topology),
      specs_(specs.begin(), specs.end()),
      optimizer_(optimizer),
      seed_(seed),
      count_(servers.count()),
      shares_(specs.size() * static_cast<size_t>(count_)),
      pushed_(topology, specs_),
      sums_(specs.size()) {}

void ServedTables::fetch(int table, std::span<const int64_t> keys, bool trains, float* rows,
                         uint8_t* present) {
  split(table, keys);
  servers_.ask([&](ps::ClientCore& client) { pull(table, trains, client); });
  deal_out(table, rows, present);
}

// One wait for all of them.
void ServedTables::fetch_all(std::span<const Fetch> wanted, bool trains) {
  const int tables = static_cast<int>(wanted.size());
  for (int t = 0; t < tables; ++t) split(t, wanted[static_cast<size_t>(t)].keys);
  servers_.ask([&](ps::ClientCore& client) {
    for (int t = 0; t < tables; ++t) pull(t, trains, client);
  });
  for (int t = 0; t < tables; ++t)
    deal_out(t, wanted[static_cast<size_t>(t)].rows, wanted[static_cast<size_t>(t)].present);
}

void ServedTables::split(int table, std::span<const int64_t> keys) {
  for (Share& share : shares(table)) {
    share.keys.clear();
    share.places.clear();
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    Share& share = shares(table)[static_cast<size_t>(ps::server_of_key(keys[i], count_))];
    share.keys.push_back(keys[i]);
    share.places.push_back(i);
  }
}

void ServedTables::pull(int table, bool trains, ps::ClientCore& client) {
  for (int s = 0; s < count_; ++s) {
    Share& share = shares(table)[static_cast<size_t>(s)];
    if (share.keys.empty()) continue;
    share.answer.resize(ps::pulled_bytes(share.keys.size(), static_cast<size_t>(spec(table).dim)));
    client.pull_rows(table, s, servers_.clock(), share.keys, trains, share.answer);
  }
}

void ServedTables::deal_out(int table, float* rows, uint8_t* present) {
  const auto dim = static_cast<size_t>(spec(table).dim);
  for (const Share& share : shares(table)) {
    const size_t n = share.keys.size(), bytes = dim * sizeof(float);
    const std::byte* values = share.answer.data() + ps::pulled_bytes(n, 0);
    for (size_t i = 0; i < n; ++i) {
      present[share.places[i]] = static_cast<uint8_t>(share.answer[i]);
      std::memcpy(rows + share.places[i] * dim, values + i * bytes, bytes);
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

std::unique_ptr<ps::RowTable> ServedTables::empty_table(int table) const {
  return std::make_unique<ps::RowTable>(spec(table), optimizer_.row_state(spec(table).dim), seed_);
}

int64_t ServedTables::rows(int table) const {
  std::vector<int64_t> counts(static_cast<size_t>(count_));
  servers_.ask([&](ps::ClientCore& client) {
    for (int s = 0; s < count_; ++s)
      client.fetch_rows(table, s, 0, 0, {}, &counts[static_cast<size_t>(s)]);
  });
  int64_t total = 0;
  for (const int64_t count : counts) total += count;
  return total;
}

// One chunk of each server at a time.
void ServedTables::fetch_all(int table, ps::RowTable& into) const {
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
          client.fetch_rows(table, s, c.first, most, c.rows, &c.all);
    });
    for (Chunk& c : chunks) {
      const int64_t came = std::clamp<int64_t>(c.all - c.first, 0, most);
      for (int64_t i = 0; i < came; ++i) {
        const std::byte* from = c.rows.data() + static_cast<size_t>(i) * size;
        int64_t key;
        std::memcpy(&key, from + offsetof(ps::RowHeader, key), sizeof key);
        ps::RowId row;
        into.find_or_create(std::span(&key, 1), std::span(&row, 1));
        std::memcpy(&into.header(row), from, size);
      }
      c.first += most;
    }
  }
}

void ServedTables::load_all(int table, const ps::RowTable& from) {
  const size_t size = from.row_bytes();
  std::vector<std::vector<std::byte>> chunks(static_cast<size_t>(count_));
  const auto flush = [&] {
    servers_.ask([&](ps::ClientCore& client) {
      for (int s = 0; s < count_; ++s)
        if (!chunks[static_cast<size_t>(s)].empty())
          client.load_rows(table, s, chunks[static_cast<size_t>(s)]);
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
  for (size_t t = 0; t < specs_.size(); ++t) {
    auto table = empty_table(static_cast<int>(t));
    fetch_all(static_cast<int>(t), *table);
    state->add(std::move(table), optimizer_.moments(specs_[t].dim));
  }
  return state;
}

void ServedTables::restore(const CheckpointReader& checkpoint) {
  if (!servers_.first()) return;
  for (size_t t = 0; t < specs_.size(); ++t) {
    const auto table = empty_table(static_cast<int>(t));
    restore_table(checkpoint, optimizer_.moments(specs_[t].dim), *table);
    load_all(static_cast<int>(t), *table);
  }
}

}  // namespace trireme
