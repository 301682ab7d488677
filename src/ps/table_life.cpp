#include "ps/table_life.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"

namespace trireme::ps {
namespace {

// Of a budget, what is not rows and candidates: heads of lists and blocks of chunks, and by how
// much the last chunk is rounded up. Candidates have a quarter of the rest.
constexpr int64_t kFixedBytes = 32 << 10;
constexpr int64_t kSlackShare = 32, kCandidateShare = 4;

const RowState kNoState{};

LifeRoom room_within(int64_t budget, bool candidates, int64_t row_bytes) {
  const int64_t shard = (budget - budget / kSlackShare - kFixedBytes) / kTableShards;
  const int64_t beside = candidates ? shard / kCandidateShare : 0;
  return {(shard - beside) / row_bytes, beside / RowTable::bytes_of_row(0, kNoState)};
}

}  // namespace

LifeRoom room_for(const LifeSpec& life, const TableSpec& table, const RowState& state) {
  if (life.budget == 0) return {};
  const bool candidates = life.admit_after > 1;
  const int64_t row = RowTable::bytes_of_row(table.dim, state) + RowOrder::bytes_of_row(life.evict);
  const auto enough = [&](int64_t budget) {
    const LifeRoom room = room_within(budget, candidates, row);
    return room.rows > 0 && (room.candidates > 0 || !candidates);
  };
  if (enough(life.budget)) return room_within(life.budget, candidates, row);
  constexpr double kMib = 1 << 20, kDigits = 1000;
  int64_t least = life.budget;
  while (!enough(least)) least += kTableShards;
  throw ConfigError(
      fmt::format("tables.budget_mib: table {} gets {}, which does not give each of its {} virtual "
                  "shards one row of {} bytes",
                  table.name, human_bytes(static_cast<double>(life.budget)), kTableShards, row),
      fmt::format("set tables.budget_mib = {:.3f} or more, 0 for no limit",
                  std::ceil(static_cast<double>(least) / kMib * kDigits) / kDigits));
}

LifeCounts counts_without_life(const RowTable& rows) {
  return {.rows = rows.size(), .bytes = rows.bytes(), .admitted = rows.size()};
}

void step_present(const RowOptimizer& optimizer, const KernelTable& kernels,
                  const OptimizerScalars& scalars, RowTable& table, std::span<const RowId> rows,
                  const RowsView& gradient, int64_t first, int64_t last) {
  const auto is_there = [](RowId row) { return row != kNoRow; };
  const auto begin = rows.begin(), end = begin + last;
  for (auto from = begin + first; (from = std::find_if(from, end, is_there)) != end;) {
    const auto to = std::find(from, end, kNoRow);
    optimizer.step(kernels, scalars, table, rows, gradient, from - begin, to - begin);
    from = to;
  }
}

std::unique_ptr<RowTable> empty_candidates(const TableSpec& table, int64_t most) {
  return std::make_unique<RowTable>(TableSpec{table.name + ".candidates", 0, {}}, kNoState, 0,
                                    most);
}

TableLife::Candidates::Candidates(const LifeRoom& room, const TableSpec& spec, ShardRange shards,
                                  int64_t* forgotten)
    : table(empty_candidates(spec, room.candidates * shards.size())),
      pool{*table,          RowOrder(*table, shards, RowOrder::By::last_step, room.candidates),
           room.candidates, forgotten,
           forgotten,       true} {}

// Where there is no budget nothing is evicted, and no order by updates is kept.
TableLife::TableLife(const LifeSpec& life, const LifeRoom& room, RowTable& rows, ShardRange shards)
    : life_(life),
      shards_(shards),
      rows_{rows,
            RowOrder(rows, shards, room.rows > 0 ? life.evict : RowOrder::By::last_step, room.rows),
            room.rows,
            &counts_.expired,
            &counts_.evicted,
            false},
      ends_(kTableShards + 1) {
  if (life.admit_after > 1) candidates_.emplace(room, rows.spec(), shards, &counts_.forgotten);
}

int64_t TableLife::bytes() const {
  int64_t total = rows_.order.bytes();
  if (candidates_) total += candidates_->table->bytes() + candidates_->pool.order.bytes();
  return total;
}

LifeCounts TableLife::counts() const {
  LifeCounts counts = counts_;
  counts.rows = rows_.table.size();
  counts.candidates = candidates_ ? candidates_->table->size() : 0;
  counts.bytes = rows_.table.bytes() + bytes();
  return counts;
}

void TableLife::drop(Pool& pool, int shard, RowId row, int64_t& count) {
  count += pool.forgets ? pool.table.header(row).updates : 1;
  pool.order.remove(shard, row);
  pool.table.erase(row);
}

void TableLife::arrange() {
  arrange(rows_);
  if (candidates_) arrange(candidates_->pool);
}

void TableLife::arrange(Pool& pool) {
  pool.order.rebuild();
  for (int shard = shards_.first; shard < shards_.last; ++shard) {
    while (pool.most > 0 && pool.order.size(shard) > pool.most)
      drop(pool, shard, pool.order.first(shard), *pool.evicted);
    const RowId newest = pool.order.newest(shard);
    if (newest != kNoRow) now_ = std::max(now_, pool.table.header(newest).last_step);
  }
}

// entries_: the step's keys, shard by shard, ascending in each.
void TableLife::sort_by_shard(std::span<const int64_t> keys, std::span<const RowId> rows) {
  std::ranges::fill(ends_, 0);
  homes_.resize(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    homes_[i] = static_cast<uint8_t>(shard_of(keys[i]));
    ++ends_[homes_[i] + 1u];
  }
  for (size_t s = 0; s < kTableShards; ++s) ends_[s + 1] += ends_[s];
  entries_.resize(keys.size());
  for (size_t i = 0; i < keys.size(); ++i)
    entries_[ends_[homes_[i]]++] = {keys[i], static_cast<uint32_t>(i), rows[i], rows[i] == kNoRow};
  if (!candidates_) return;
  unknown_.clear();
  for (const Entry& entry : entries_)
    if (entry.fresh) unknown_.push_back(entry.key);
  found_.resize(unknown_.size());
  candidates_->table->find(unknown_, found_);
  candidates_->table->will_change(found_);
}

// Counts the keys that have no row, whose candidates `found` gives in turn. Those that wait on are
// candidates then; the others stay in `entries`, whose new size this is.
size_t TableLife::sight(int shard, std::span<Entry> entries, const RowId*& found) {
  Pool& pool = candidates_->pool;
  seen_.clear();
  size_t kept = 0;
  for (const Entry& entry : entries) {
    if (!entry.fresh) {
      entries[kept++] = entry;
      continue;
    }
    ++counts_.sighted;
    const RowId row = *found++;
    if (row != kNoRow && ++pool.table.header(row).updates >= life_.admit_after) {
      pool.order.remove(shard, row);
      pool.table.erase(row);
      entries[kept++] = entry;
    } else {
      seen_.push_back({entry.key, 0, row, row == kNoRow});
    }
  }
  make_room(pool, shard, seen_);
  for (const Entry& entry : seen_)
    if (entry.fresh && entry.row != kNoRow) pool.table.header(entry.row).updates = 1;
  enter(pool, shard, seen_);
  return kept;
}

// Takes away what is due and what is too much, and makes what is fresh: of more fresh ones than
// there is room for, those with the largest keys. By last_step, what the step saw is not evicted.
void TableLife::make_room(Pool& pool, int shard, std::span<Entry> entries) {
  RowTable& table = pool.table;
  taken_.clear();
  int64_t fresh = 0;
  for (const Entry& entry : entries) {
    fresh += entry.fresh;
    if (entry.fresh) continue;
    table.header(entry.row).last_step = now_;
    taken_.push_back(entry.row);
  }
  pool.order.take(shard, taken_);
  if (life_.expire_after > 0)
    for (RowId row; (row = pool.order.oldest(shard)) != kNoRow &&
                    now_ - table.header(row).last_step >= life_.expire_after;)
      drop(pool, shard, row, *pool.expired);
  const auto surplus = [&] {
    return pool.most > 0 && fresh > 0 ? pool.order.size(shard) + fresh - pool.most : 0;
  };
  for (RowId row; surplus() > 0 && (row = pool.order.first(shard)) != kNoRow;) {
    const auto at = std::ranges::lower_bound(entries, table.header(row).key, {}, &Entry::key);
    if (at != entries.end() && at->row == row) at->row = kNoRow;
    drop(pool, shard, row, *pool.evicted);
  }
  int64_t without = std::max<int64_t>(0, surplus());
  *pool.evicted += without;
  for (Entry& entry : entries)
    if (entry.fresh && without-- <= 0) entry.row = table.make(entry.key);
}

void TableLife::enter(Pool& pool, int shard, std::span<const Entry> entries) {
  for (const Entry& entry : entries) {
    if (entry.row == kNoRow) continue;
    if (entry.fresh) {
      pool.table.header(entry.row).last_step = now_;
      pool.order.insert(shard, entry.row);
    }
    pool.order.append(shard, entry.row);
  }
}

void TableLife::end_step(int64_t step, std::span<const int64_t> keys, std::span<const RowId> rows,
                         const Train& train) {
  now_ = std::max(now_, step);
  sort_by_shard(keys, rows);
  kept_.resize(kTableShards);
  bool any = false;
  const RowId* found = found_.data();
  for (int shard = shards_.first; shard < shards_.last; ++shard) {
    std::span<Entry>& entries = kept_[static_cast<size_t>(shard)] = entries_of(shard);
    if (candidates_) entries = entries.first(sight(shard, entries, found));
    make_room(rows_, shard, entries);
    const auto fresh = std::ranges::count_if(entries, &Entry::fresh);
    counts_.admitted += fresh;
    any |= fresh > 0;
  }
  if (any && admits_at_once()) {
    made_.assign(keys.size(), kNoRow);
    for (const std::span<Entry> entries : kept_)
      for (const Entry& entry : entries)
        if (entry.fresh) made_[entry.place] = entry.row;
    train(made_);
  }
  for (int shard = shards_.first; shard < shards_.last; ++shard)
    enter(rows_, shard, kept_[static_cast<size_t>(shard)]);
}

}  // namespace trireme::ps
