#include "ps/table_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace trireme::ps {
namespace {
constexpr int64_t kLeastRows = 512;  // that are worth waking a thread
}

TableStore::TableStore(const TableStoreSpec& spec, const KernelTable& kernels,
                       const RowOptimizer& optimizer)
    : spec_(spec),
      mine_(shards_of(spec.server, spec.servers)),
      kernels_(kernels),
      optimizer_(optimizer),
      tables_(spec.tables.size()),
      summers_(static_cast<size_t>(spec.spread.threads())) {
  for (size_t t = 0; t < tables_.size(); ++t) {
    const TableSpec& table = spec_.tables[t];
    const RowState state = optimizer_.row_state(table.dim);
    const LifeRoom room = room_for(spec_.life, table, state);
    tables_[t].rows =
        std::make_unique<RowTable>(table, state, spec_.seed, room.rows * mine_.size());
    if (spec_.life.any())
      tables_[t].life = std::make_unique<TableLife>(spec_.life, room, *tables_[t].rows, mine_);
    tables_[t].pushed.resize(spec_.runs.size());
    tables_[t].squares.resize(kTableShards);
    tables_[t].ranges.resize(summers_.size());
  }
}

LifeCounts TableStore::counts(int index) const {
  const Table& table = at(index);
  return table.life ? table.life->counts() : counts_without_life(*table.rows);
}

void TableStore::require_keys(int table, std::span<const int64_t> keys) const {
  const std::string& name = rows(table).spec().name;
  if (std::ranges::adjacent_find(keys, std::greater_equal<>()) != keys.end())
    throw FormatError(fmt::format("keys of table {} are not ascending", name));
  for (const int64_t key : keys)
    if (server_of_key(key, spec_.servers) != spec_.server)
      throw FormatError(fmt::format("key {} of table {} is another server's", key, name));
}

// Rows come in any order and number of messages: the first that looks one up is behind the last.
void TableStore::arrange(Table& table) {
  if (table.life && std::exchange(table.loaded, false)) table.life->arrange();
}

void TableStore::pull(int index, std::span<const int64_t> keys, bool trains, std::byte* out,
                      Remember remember) {
  arrange(at(index));
  at(index).step.step(keys);
  const RowTable& table = rows(index);
  std::vector<RowId> found(keys.size());
  auto* values = reinterpret_cast<float*>(out + pulled_bytes(keys.size(), 0));
  spread_over(keys.size(), [&](const PartOf& mine) {
    table.read(keys.subspan(mine.first(), mine.size()),
               std::span(found).subspan(mine.first(), mine.size()),
               values + mine.begin * table.dim());
  });
  std::memset(out, 0, pulled_bytes(keys.size(), 0));
  const bool makes = trains && (!at(index).life || at(index).life->admits_at_once());
  for (size_t i = 0; i < keys.size(); ++i) {
    const bool made = found[i] != kNoRow;
    out[i] = static_cast<std::byte>(made || makes);
    if (!made && makes) table.initial_row(keys[i], values + static_cast<int64_t>(i) * table.dim());
  }
  if (remember != Remember::nothing)
    at(index).found[remember == Remember::for_next_clock].push_back(
        {{keys.begin(), keys.end()}, std::move(found)});
}

// stays: the bytes do. A part behind one of an odd number of floats is copied all the same.
std::vector<NodeRows> TableStore::parse(Table& table, Bytes bytes, bool stays) const {
  std::vector<NodeRows> parts;
  while (!bytes.empty()) {
    if (stays && reinterpret_cast<uintptr_t>(bytes.data()) % alignof(int64_t) == 0) {
      parts.push_back(view_bytes(bytes, table.rows->dim()));
    } else {
      NodeGradient part = take_bytes(bytes, table.rows->dim());
      table.copied_parts.push_back(std::move(part.gradient));
      parts.emplace_back(part.node, table.copied_parts.back());
    }
    require_known(table, parts.back().rows.keys);
  }
  return parts;
}

// Those that were asked for for this clock were looked at then.
void TableStore::require_known(const Table& table, std::span<const int64_t> keys) const {
  const auto same = [&](const FoundRows& found) { return std::ranges::equal(found.keys, keys); };
  if (std::ranges::none_of(table.found[0], same))
    require_keys(static_cast<int>(&table - tables_.data()), keys);
}

void TableStore::take(int worker, int index, Bytes bytes, Payload owned) {
  finish();
  Table& table = at(index);
  const auto w = static_cast<size_t>(worker);
  if (table.pushed[w])
    throw FormatError(
        fmt::format("worker {} has pushed table {} before", worker, table.rows->spec().name));
  int leaf = spec_.runs[w].first;
  for (const NodeRows& part : parse(table, bytes, owned != nullptr)) {
    const auto [level, node] = part.node;
    const bool sound = level >= 0 && level < 31 && node >= 0 && (leaf >> level) <= node;
    const int64_t first = sound ? int64_t{node} << level : -1;
    const int64_t last = first + (sound ? int64_t{1} << level : 0);
    if (first < leaf || last > spec_.runs[w].last)
      throw FormatError(fmt::format("worker {} pushed node {}/{} of table {}, which nobody awaits",
                                    worker, level, node, table.rows->spec().name));
    leaf = static_cast<int>(last);
    table.parts.push_back(part);
  }
  if (owned) table.payloads.push_back(std::move(owned));
  table.pushed[w] = true;
  ++taken_;
  if (++table.pushes == spec_.runs.size()) reduce(table);
}

void TableStore::spread_over(size_t rows, const std::function<void(const PartOf&)>& job) const {
  const auto n = static_cast<int64_t>(rows);
  spec_.spread(n / kLeastRows, [&](int part, int parts) { job({n, part, parts}); });
}

void TableStore::reduce(Table& table) {
  if (table.parts.size() == 1)
    table.sum = table.parts.front().rows;
  else
    add_up(table);
  table.parts.clear();
  find_touched(table, table.sum.keys);
  shard_squares(table.sum, table.squares);
}

// Each thread a range of the keys.
void TableStore::add_up(Table& table) {
  std::vector<NodeRows>& parts = table.parts;
  std::ranges::sort(parts, {},
                    [](const NodeRows& part) { return part.node.index << part.node.level; });
  size_t rows = 0;
  for (const NodeRows& part : parts) rows += part.rows.keys.size();
  for (RowGradient& range : table.ranges) range.clear();
  spec_.spread(static_cast<int64_t>(rows) / kLeastRows, [&](int part, int of) {
    const auto p = static_cast<size_t>(part);
    summers_[p].sum(parts, key_range(longest_keys(parts), part, of), table.rows->dim(),
                    table.ranges[p]);
  });
  join(table.ranges, table.joined);
  table.joined.dim = table.rows->dim();
  table.sum = table.joined;
}

// Rows that have a life are made when the step is applied.
void TableStore::find_touched(Table& table, std::span<const int64_t> keys) {
  arrange(table);
  table.touched.assign(keys.size(), kNoRow);
  spread_over(keys.size(), [&](const PartOf& mine) {
    const auto of_mine = keys.subspan(mine.first(), mine.size());
    const auto rows = std::span(table.touched).subspan(mine.first(), mine.size());
    for (const FoundRows& found : table.found[0]) take_known(found, of_mine, rows);
    find_unknown(*table.rows, of_mine, rows);
  });
  if (!table.life) make_missing(*table.rows, keys, table.touched);
}

void TableStore::train(Table& table, std::span<const RowId> rows, const RowsView& gradient,
                       const OptimizerScalars& scalars) const {
  table.rows->will_change(rows);
  spread_over(rows.size(), [&](const PartOf& mine) {
    step_present(optimizer_, kernels_, scalars, *table.rows, rows, gradient, mine.begin, mine.end);
  });
}

void TableStore::step(Table& table, const RowsView& sum, const OptimizerScalars& scalars) {
  train(table, table.touched, sum, scalars);
  if (table.life && scalars.skip == 0)
    table.life->end_step(scalars.step, sum.keys, table.touched,
                         [&](std::span<const RowId> made) { train(table, made, sum, scalars); });
}

std::vector<int> TableStore::missing() const {
  std::vector<int> workers;
  for (size_t w = 0; w < spec_.runs.size(); ++w)
    if (std::ranges::any_of(tables_, [&](const Table& t) { return !t.pushed[w]; }))
      workers.push_back(static_cast<int>(w));
  return workers;
}

void TableStore::append_partials(std::vector<double>& out) const {
  for (const Table& table : tables_)
    out.insert(out.end(), table.squares.begin() + mine_.first, table.squares.begin() + mine_.last);
}

void TableStore::commit(const OptimizerScalars& of_all, std::span<const float> scales) {
  for (size_t t = 0; t < tables_.size(); ++t) {
    OptimizerScalars scalars = of_all;
    if (!scales.empty()) scalars.grad_scale = scales[t];
    Table& table = tables_[t];
    if (table.life)
      step(table, table.sum, scalars);
    else
      table.step.begin(table.sum, table.touched,
                       [this, &table, scalars](auto some, const RowsView& gradient) {
                         train(table, some, gradient, scalars);
                       });
  }
}

void TableStore::finish() {
  for (Table& table : tables_) {
    if (!table.step.open()) continue;
    table.step.finish();
    forget(table);
    unite(table.found[0]);
  }
}

void TableStore::forget(Table& table) {
  table.sum = {};
  table.touched.clear();
  table.payloads.clear();
  table.copied_parts.clear();
}

void TableStore::end() {
  for (Table& table : tables_) {
    table.pushed.assign(table.pushed.size(), false);
    table.pushes = 0;
    if (!table.step.open()) forget(table);
    table.found[0] = std::exchange(table.found[1], {});
  }
  taken_ = 0;
}

void TableStore::apply(int index, Bytes bytes, const OptimizerScalars& scalars) {
  Table& table = at(index);
  const std::vector<NodeRows> parts = parse(table, bytes, true);
  if (parts.empty()) return;
  if (parts.size() > 1 || parts.front().node != root_of(spec_.shards))
    throw FormatError(
        fmt::format("a push of table {} is not one worker's sum", table.rows->spec().name));
  const RowsView& sum = parts.front().rows;
  find_touched(table, sum.keys);
  step(table, sum, scalars);
  forget(table);
}

std::vector<RowTable*> TableStore::parts() {
  finish();
  std::vector<RowTable*> all;
  for (Table& table : tables_) {
    all.push_back(table.rows.get());
    if (table.life && table.life->candidates()) all.push_back(table.life->candidates());
  }
  return all;
}

const RowTable* TableStore::part(int index, Part part) const {
  const Table& table = at(index);
  if (part == Part::rows) return table.rows.get();
  return table.life ? table.life->candidates() : nullptr;
}

void TableStore::load(int index, Part part, Bytes bytes) {
  finish();
  Table& to = at(index);
  RowTable* table = part == Part::rows ? to.rows.get() : to.life ? to.life->candidates() : nullptr;
  if (!table) throw FormatError(fmt::format("table {} has no candidates", to.rows->spec().name));
  const size_t size = table->row_bytes();
  if (bytes.size() % size != 0)
    throw FormatError(fmt::format("rows of table {} have {} bytes each; {} came",
                                  table->spec().name, size, bytes.size()));
  for (; !bytes.empty(); bytes = bytes.subspan(size)) {
    int64_t key;
    std::memcpy(&key, bytes.data() + offsetof(RowHeader, key), sizeof key);
    require_keys(index, std::span(&key, 1));
    table->put(bytes.data());
  }
  to.loaded = true;
}

int64_t TableStore::begin_copy(int index, Part part) {
  finish();
  const RowTable& table = *this->part(index, part);
  at(index).copied[static_cast<size_t>(part)] = table.by_key(table.slots());
  return to_copy(index, part);
}

void TableStore::copy(int index, Part part, int64_t first, int64_t count, std::byte* out) {
  std::vector<RowId>& rows = at(index).copied[static_cast<size_t>(part)];
  const RowTable& table = *this->part(index, part);
  const size_t size = table.row_bytes();
  for (int64_t i = first; i < first + count; ++i, out += size)
    std::memcpy(out, &table.header(rows[static_cast<size_t>(i)]), size);
  if (first + count == static_cast<int64_t>(rows.size())) rows = {};
}

}  // namespace trireme::ps
