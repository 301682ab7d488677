#pragma once
// The life of a table's rows: when a key gets one, and when it is taken away. Everything here is a
// function of what steps saw of a virtual shard, never of who saw it, so it does not depend on the
// number of ranks, lanes and servers. docs/tables.md has the rules.
//
// A key without a row that is not admitted at once is a candidate: a row without values in a table
// beside, whose `updates` are its sightings.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ps/life_counts.h"
#include "ps/row_optimizer.h"
#include "ps/row_order.h"
#include "ps/row_table.h"
#include "ps/table_shards.h"

namespace trireme::ps {

struct LifeSpec {
  int64_t admit_after = 1;   // the step that sees a key for the n-th time makes its row
  int64_t expire_after = 0;  // steps without the key; 0: never
  int64_t budget = 0;        // bytes of a table, on all servers together; 0: no limit
  RowOrder::By evict = RowOrder::By::last_step;
  bool any() const { return admit_after > 1 || takes_away(); }
  // A step may take away rows that it did not see.
  bool takes_away() const { return expire_after > 0 || budget > 0; }
};

// What a virtual shard may hold; 0: no limit.
struct LifeRoom {
  int64_t rows = 0, candidates = 0;
};
// Throws ConfigError naming the least budget that gives every shard a row.
LifeRoom room_for(const LifeSpec& life, const TableSpec& table, const RowState& state);

// Of rows that stay for ever.
LifeCounts counts_without_life(const RowTable& rows);

// Of a table's candidates: keys alone.
std::unique_ptr<RowTable> empty_candidates(const TableSpec& table, int64_t most = 0);

// RowOptimizer::step() on those of rows [first, last) that are not kNoRow.
void step_present(const RowOptimizer& optimizer, const KernelTable& kernels,
                  const OptimizerScalars& scalars, RowTable& table, std::span<const RowId> rows,
                  const RowsView& gradient, int64_t first, int64_t last);

class TableLife {
 public:
  // Borrows the table, which is empty and has room.rows in each of `shards`.
  TableLife(const LifeSpec& life, const LifeRoom& room, RowTable& rows, ShardRange shards);

  // Whether a key without a row trains as the row that it gets at the end of the step.
  bool admits_at_once() const { return life_.admit_after == 1; }

  // The end of a step that was applied. keys: those of this table that it saw, ascending; rows:
  // theirs, stepped already, kNoRow where there is none. Where keys are admitted at once,
  // train(made) has to step the new rows: made[i] = the row of keys[i] if it is one, else kNoRow.
  // Steps of workers at their own pace may come in any order: the largest one so far is now.
  using Train = std::function<void(std::span<const RowId> made)>;
  void end_step(int64_t step, std::span<const int64_t> keys, std::span<const RowId> rows,
                const Train& train);

  LifeCounts counts() const;
  int64_t bytes() const;  // beside those of the rows
  // Null where keys are admitted at once.
  const RowTable* candidates() const { return candidates_ ? candidates_->table.get() : nullptr; }
  RowTable* candidates() { return candidates_ ? candidates_->table.get() : nullptr; }
  // After rows and candidates came from a checkpoint, before any is looked up: finds their order,
  // and gives up what is too much.
  void arrange();
  // Counts of the run before. Rows and candidates are counted anew.
  void restore(const LifeCounts& counts) { counts_ = counts; }

 private:
  struct Pool {  // rows, or candidates
    RowTable& table;
    RowOrder order;
    int64_t most;  // of a shard; 0: no limit
    int64_t *expired, *evicted;
    bool forgets;  // `expired` and `evicted` count sightings
  };
  struct Candidates {
    std::unique_ptr<RowTable> table;
    Pool pool;
    Candidates(const LifeRoom& room, const TableSpec& spec, ShardRange shards, int64_t* forgotten);
  };
  struct Entry {  // of one key of the step
    int64_t key;
    uint32_t place;  // among the step's keys
    RowId row;       // kNoRow: none yet, or no room
    bool fresh;      // without a row before
  };
  void arrange(Pool& pool);
  void sort_by_shard(std::span<const int64_t> keys, std::span<const RowId> rows);
  std::span<Entry> entries_of(int shard) {  // of the step
    const auto s = static_cast<size_t>(shard);
    const size_t first = s == 0 ? 0 : ends_[s - 1];
    return std::span(entries_).subspan(first, ends_[s] - first);
  }
  size_t sight(int shard, std::span<Entry> entries, const RowId*& found);
  void make_room(Pool& pool, int shard, std::span<Entry> entries);
  void enter(Pool& pool, int shard, std::span<const Entry> entries);
  void drop(Pool& pool, int shard, RowId row, int64_t& count);

  const LifeSpec life_;
  const ShardRange shards_;
  LifeCounts counts_;
  Pool rows_;
  std::optional<Candidates> candidates_;
  int64_t now_ = 0;
  // Of a step.
  std::vector<Entry> entries_, seen_;
  std::vector<size_t> ends_;            // by shard, among entries_
  std::vector<uint8_t> homes_;          // shards of its keys
  std::vector<std::span<Entry>> kept_;  // by shard: keys that have a row, or get one
  std::vector<int64_t> unknown_;        // keys without a row, and their candidates
  std::vector<RowId> found_, taken_, made_;
};

}  // namespace trireme::ps
