#include "ps/cluster.h"
#include "ps/sgd.h"

#include <algorithm>
#include <cstring>

namespace trireme::ps {
namespace {

constexpr int64_t kFirstKey = -32, kLastKey = 32, kDim = 3;
constexpr int64_t kSamples = 1024;  // of a batch

ParamTable one_slot(int64_t elements) {
  Slot slot;
  slot.name = "w";
  slot.logical = slot.view = Shape({elements});
  slot.count = elements;
  return ParamTable({slot});
}

StepVerdict applied() {
  StepVerdict verdict{};
  verdict.finite = verdict.applied = 1;
  return verdict;
}

}  // namespace

Cluster::Cluster(const ClusterSpec& spec)
    : spec_(spec),
      optimizer_(sgd()),
      params_(one_slot(spec.elements)),
      placement_(params_.size(), spec.servers, spec.block),
      progress_(static_cast<size_t>(spec.workers)),
      keys_(static_cast<size_t>(spec.servers)),
      rows_(static_cast<size_t>(spec.workers)),
      random_(spec.network.seed) {
  for (int w = 0; w < spec.workers; ++w) {
    runs_.push_back(leaves_of(w, spec.workers, spec.shards));
    weights_.emplace_back(static_cast<size_t>(params_.size()));
    gradients_.emplace_back(static_cast<size_t>(params_.size()));
  }
  for (int64_t key = kFirstKey; key < kLastKey; ++key)
    keys_[static_cast<size_t>(server_of_key(key, spec.servers))].push_back(key);
  for (auto& rows : rows_) rows.resize(static_cast<size_t>(spec.tables * spec.servers));
  std::vector<TableSpec> tables;
  for (int t = 0; t < spec.tables; ++t) tables.push_back({"t" + std::to_string(t), kDim, {}});
  for (int s = 0; s < spec.servers; ++s) {
    ServerConfig config;
    config.tables = tables;
    config.life = spec.life;
    config.server = s;
    config.workers = spec.workers;
    config.consistency = spec.consistency;
    config.runs = runs_;
    config.codec = spec.codec;
    config.delay_compensation = spec.delay_compensation;
    config.push_every = spec.push_every;
    config.shards = spec.shards;
    servers_.push_back(
        std::make_unique<ServerCore>(config, cpu_kernels(), optimizer_, params_, placement_));
  }
  std::vector<ClientCore*> clients;
  std::vector<ServerCore*> servers;
  std::vector<WorkerScript> scripts;
  for (int w = 0; w < spec.workers; ++w) {
    ClientConfig config;
    config.worker = w;
    config.workers = spec.workers;
    config.consistency = spec.consistency;
    config.tables = spec.tables;
    config.codec = spec.codec;
    config.in_flight = 4;
    clients_.push_back(
        std::make_unique<ClientCore>(config, placement_, weights_[static_cast<size_t>(w)].data()));
    clients.push_back(clients_.back().get());
    scripts.push_back([this, w](ClientCore& client) { return step(w, client); });
  }
  for (const auto& s : servers_) servers.push_back(s.get());
  simulator_ = std::make_unique<Simulator>(spec.network, clients, servers, scripts);
}

// Pull, compute, push; in sync mode worker 0 says the verdict in between.
double Cluster::step(int worker, ClientCore& client) {
  const auto w = static_cast<size_t>(worker);
  Progress& p = progress_[w];
  const bool sync = spec_.consistency.mode == Mode::sync;
  OptimizerScalars scalars{};
  scalars.lr = scalars.grad_scale = 1;
  scalars.step = p.clock + 1;
  switch (p.phase++) {
    case 0:
      client.pull(p.clock, sync ? p.clock : 0, true);
      return 0;
    case 1:
      if (!sync && p.clock % spec_.push_every == 0)
        most_ahead_ = std::max(most_ahead_, p.clock - client.result().slowest);
      if (spec_.tells && worker == 0 && p.clock > 0) reports_.push_back(client.result().reports);
      if (p.clock == spec_.clocks) return -1;
      if (!spec_.ahead || p.clock == 0) pull_rows(worker, p.clock, client, kTrains);
      return spec_.compute +
             spec_.compute_jitter * std::uniform_real_distribution<double>(0, 1)(random_);
    case 2:
      if (!client.idle()) {  // rows ahead have not all come: looks again a little later
        --p.phase;
        return 0.25;
      }
      check_rows(worker, p.clock);
      if (spec_.ahead && p.clock + 1 < spec_.clocks)
        pull_rows(worker, p.clock + 1, client, kTrains | kAhead);
      push_rows(worker, p.clock, scalars, client);
      if (p.clock == p.pushed) std::ranges::fill(gradients_[w], 0.0f);
      for (int64_t i = 0; i < spec_.elements; ++i)
        gradients_[w][static_cast<size_t>(i)] -= counts(worker, p.clock, i) ? 1.0f : 0.0f;
      if ((p.clock + 1) % spec_.push_every != 0 && p.clock + 1 < spec_.clocks) {  // later
        ++p.clock;
        p.phase = 1;
        return 0;
      }
      for (size_t b = 0; b < placement_.blocks().size(); ++b) {
        const float* floats = gradients_[w].data() + placement_.blocks()[b].range.begin;
        const int block = static_cast<int>(b);
        if (!sync)
          client.push(block, p.clock, floats, scalars, p.pushed);
        else
          for (const Piece& piece : host_pieces(runs_[w], spec_.shards))
            client.push(block, p.clock, floats, piece, kSamples);
      }
      if (sync && worker == 0) client.await_partials();
      return 0;
    default: {
      if (sync && worker == 0) client.commit(p.clock, scalars, applied());
      p.pushed = ++p.clock;
      p.phase = 1;
      const PushReport mine{.pulls = p.clock, .behind = worker * p.clock};
      client.pull(p.clock, sync ? p.clock : 0, false, 0, spec_.tells ? &mine : nullptr);
      return 0;
    }
  }
}

std::vector<int64_t> Cluster::keys_of(int worker, int table, int server, int64_t clock) const {
  std::vector<int64_t> keys = keys_[static_cast<size_t>(server)];
  if (spec_.ahead)
    std::erase_if(keys,
                  [&](int64_t key) { return !counts(worker, clock, key - kFirstKey + table); });
  return keys;
}

void Cluster::pull_rows(int worker, int64_t clock, ClientCore& client, uint32_t flags) {
  for (int t = 0; t < spec_.tables; ++t)
    for (int s = 0; s < spec_.servers; ++s) {
      Pulled& pulled =
          rows_[static_cast<size_t>(worker)][static_cast<size_t>(t * spec_.servers + s)];
      pulled.keys = keys_of(worker, t, s, clock);
      pulled.flags = flags;
      const size_t n = pulled.keys.size();
      pulled.bytes.resize(flags & kAhead ? ahead_bytes(n, kDim) : pulled_bytes(n, kDim));
      client.pull_rows(t, s, clock, pulled.keys, flags, pulled.bytes);
    }
}

const std::byte* Cluster::Pulled::row(size_t key) const {
  constexpr size_t kRow = kDim * sizeof(float);
  if (!(flags & kAhead)) return bytes.data() + pulled_bytes(keys.size(), 0) + key * kRow;
  const auto marks = std::span(bytes).first(keys.size());
  const auto now = static_cast<size_t>(std::ranges::count(marks, std::byte{1}));
  const bool here = marks[key] == std::byte{1};
  const auto place = static_cast<size_t>(std::ranges::count(marks.first(key), marks[key]));
  const size_t part = here ? pulled_bytes(keys.size(), 0) : second_part(keys.size(), bytes.size());
  return bytes.data() + part + pulled_bytes(here ? now : keys.size() - now, 0) + place * kRow;
}

float Cluster::added(int table, int64_t key, int first, int last, int64_t clock) const {
  int64_t sum = 0;
  for (int w = first; w < last; ++w) {
    const LeafRun run = runs_[static_cast<size_t>(w)];
    const auto pieces = static_cast<int64_t>(host_pieces(run, spec_.shards).size());
    for (int64_t c = 0; c < clock; ++c)
      sum += counts(w, c, key - kFirstKey + table)
                 ? (spec_.consistency.mode == Mode::sync ? pieces : 1)
                 : 0;
  }
  return static_cast<float>(sum);
}

// Sync: everything before the clock and nothing else; else what the worker itself pushed, at least.
void Cluster::check_rows(int worker, int64_t clock) {
  const bool sync = spec_.consistency.mode == Mode::sync;
  if (spec_.life.any()) return;  // who has a row depends on it
  for (int t = 0; t < spec_.tables; ++t)
    for (int s = 0; s < spec_.servers; ++s) {
      const Pulled& pulled =
          rows_[static_cast<size_t>(worker)][static_cast<size_t>(t * spec_.servers + s)];
      const std::vector<int64_t>& keys = pulled.keys;
      for (size_t i = 0; i < keys.size(); ++i) {
        float value;
        std::memcpy(&value, pulled.row(i), sizeof value);
        stale_rows_ += sync ? value != added(t, keys[i], 0, spec_.workers, clock)
                            : value < added(t, keys[i], worker, worker + 1, clock);
      }
    }
}

void Cluster::push_rows(int worker, int64_t clock, const OptimizerScalars& scalars,
                        ClientCore& client) {
  const LeafRun run = runs_[static_cast<size_t>(worker)];
  for (int t = 0; t < spec_.tables; ++t) {
    RowGradient mine{kDim, {}, {}};
    for (int64_t key = kFirstKey; key < kLastKey; ++key)
      if (counts(worker, clock, key - kFirstKey + t)) {
        mine.keys.push_back(key);
        mine.rows.insert(mine.rows.end(), kDim, -1.0f);
      }
    std::vector<NodeRows> parts;
    if (spec_.consistency.mode != Mode::sync) {
      parts.emplace_back(root_of(spec_.shards), mine);
    } else {
      for (const Piece& piece : host_pieces(run, spec_.shards))
        parts.emplace_back(TreeNode{piece.level, piece.index}, mine);
    }
    const DealtRows rows(parts, spec_.servers);
    for (int s = 0; s < spec_.servers; ++s) client.push_rows(t, s, clock, rows, scalars);
  }
}

float Cluster::with_residuals(int64_t i) const {
  if (residuals_.empty()) {
    residuals_.resize(static_cast<size_t>(params_.size()));
    for (const auto& client : clients_) client->coder().add_residuals(placement_, residuals_);
  }
  const float divisor = spec_.consistency.mode == Mode::sync ? kSamples : 1;
  return value(i) - residuals_[static_cast<size_t>(i)] * divisor;
}

float Cluster::expected_row(int table, int64_t key) const {
  return added(table, key, 0, spec_.workers, spec_.clocks);
}

float Cluster::row(int table, int64_t key) const {
  const auto s = static_cast<size_t>(server_of_key(key, spec_.servers));
  const RowTable& rows = servers_[s]->tables().rows(table);
  RowId row;
  rows.find(std::span(&key, 1), std::span(&row, 1));
  return row == kNoRow ? 0 : *rows.weights(row);
}

std::vector<std::array<float, 4>> Cluster::lives(int table) const {
  std::vector<std::array<float, 4>> all;
  for (const Part part : {Part::rows, Part::candidates}) {
    const size_t before = all.size();
    for (const auto& server : servers_) {
      const RowTable* rows = server->tables().part(table, part);
      if (!rows) continue;
      for (const RowId row : rows->by_key(rows->slots())) {
        const RowHeader& h = rows->header(row);
        all.push_back({static_cast<float>(h.key), static_cast<float>(h.last_step),
                       static_cast<float>(h.updates),
                       part == Part::rows ? *rows->weights(row) : 0});
      }
    }
    std::sort(all.begin() + static_cast<std::ptrdiff_t>(before), all.end());
  }
  return all;
}

float Cluster::expected(int64_t i) const {
  int64_t sum = 0;
  for (int w = 0; w < spec_.workers; ++w) {
    const auto pieces =
        static_cast<int64_t>(host_pieces(runs_[static_cast<size_t>(w)], spec_.shards).size());
    for (int64_t c = 0; c < spec_.clocks; ++c)
      sum += counts(w, c, i) ? (spec_.consistency.mode == Mode::sync ? pieces : 1) : 0;
  }
  return static_cast<float>(sum);
}

float Cluster::value(int64_t i) const {
  for (size_t b = 0; b < placement_.blocks().size(); ++b) {
    const Block& block = placement_.blocks()[b];
    if (i >= block.range.begin && i < block.range.end)
      return servers_[static_cast<size_t>(block.server)]->store().values(
          static_cast<int>(b), kWeights)[static_cast<size_t>(i - block.range.begin)];
  }
  return -1;
}

}  // namespace trireme::ps
