#pragma once
// The rows of one server, and what workers have pushed of them for the clock that is open. One
// thread calls; others help.

#include <list>
#include <memory>
#include <span>
#include <vector>

#include "base/spread.h"
#include "ps/found_rows.h"
#include "ps/payload.h"
#include "ps/row_optimizer.h"
#include "ps/row_step.h"
#include "ps/row_sums.h"
#include "ps/row_table.h"
#include "ps/table_life.h"
#include "ps/table_shards.h"

namespace trireme::ps {

struct TableStoreSpec {
  std::vector<TableSpec> tables;
  uint64_t seed = 0;  // of initial rows
  int server = 0, servers = 1;
  std::vector<LeafRun> runs;  // leaves of each worker
  int shards = 1;             // of the whole batch
  LifeSpec life = {};
  Spread spread = {};  // threads that read, add up and step rows
};

// What does not fit throws FormatError: keys that are not ascending or another server's, nodes that
// are not the worker's, other sizes, a second push.
class TableStore {
 public:
  // Borrows kernels. Throws ConfigError for a budget that is too small.
  TableStore(const TableStoreSpec& spec, const KernelTable& kernels, const RowOptimizer& optimizer);

  size_t size() const { return tables_.size(); }
  const RowTable& rows(int table) const { return *at(table).rows; }
  // What the table has here: rows and their bytes, and where rows have a life, its counts.
  LifeCounts counts(int table) const;

  void require_keys(int table, std::span<const int64_t> keys) const;
  // out: pulled_bytes(keys.size(), dim); zeros where there is no row. trains: a key without a row
  // reads as the row that it will have, if it is to have one at once; a push makes it.
  // remember (sync): where the rows were found spares take() a look for them.
  enum class Remember { nothing, for_open_clock, for_next_clock };
  void pull(int table, std::span<const int64_t> keys, bool trains, std::byte* out,
            Remember remember = Remember::nothing);

  // Sync. One worker's sums of a table (NodeGradients as ps::append_bytes has them; none: empty);
  // the last of a table adds them up along the tree. owned: the parts' memory, which is kept until
  // the rows are stepped; null: they are copied.
  void take(int worker, int table, Bytes parts, Payload owned = {});
  bool begun() const { return taken_ > 0; }
  bool complete() const { return taken_ == tables_.size() * spec_.runs.size(); }
  std::vector<int> missing() const;  // workers that have not pushed every table
  // When complete(): a sum of squares for each table and shard of this server, in that order.
  void append_partials(std::vector<double>& out) const;
  // Steps the rows, where they stay for ever piece by piece: those that pull() reads first, the
  // others in finish(), which whatever else looks at rows calls. scales: each table's grad_scale;
  // empty: that of the scalars.
  void commit(const OptimizerScalars& scalars, std::span<const float> scales = {});
  void end();  // the next clock is open
  void finish();

  // Bounded, async: one worker's sum of all its leaves, under the root's node; empty: none.
  void apply(int table, Bytes part, const OptimizerScalars& scalars);

  // Of each table its rows, and behind them its candidates where it has any.
  std::vector<RowTable*> parts();
  // A table's rows, or its candidates (TableLife); null: it has none.
  const RowTable* part(int table, Part part) const;
  // Rows with header and state as they lie in memory, one behind the other.
  void load(int table, Part part, Bytes rows);
  // For a copy of all rows in pieces, by ascending key: orders those that there are now, and says
  // how many. They stay as they are, and none goes, until the last was copied.
  int64_t begin_copy(int table, Part part);
  int64_t to_copy(int table, Part part) const {
    return static_cast<int64_t>(at(table).copied[static_cast<size_t>(part)].size());
  }
  void copy(int table, Part part, int64_t first, int64_t count, std::byte* out);

 private:
  struct Table {
    std::unique_ptr<RowTable> rows;
    std::unique_ptr<TableLife> life;  // null: rows stay for ever
    bool loaded = false;              // and not arranged yet
    std::vector<bool> pushed;         // by worker
    size_t pushes = 0;
    std::vector<NodeRows> parts;
    std::vector<Payload> payloads;  // that parts lie in
    std::list<RowGradient> copied_parts;
    std::vector<RowGradient> ranges;  // of the sum, by thread
    RowGradient joined;               // likewise
    RowsView sum;                     // this, or a lone part
    std::vector<RowId> touched;
    RowStep step;                     // of sum, while it is under way
    std::vector<FoundRows> found[2];  // by pulls for the open clock, and for the next
    std::vector<double> squares;      // by shard of the table
    std::vector<RowId> copied[2];     // by part: the rows of a copy under way
  };
  const Table& at(int table) const { return tables_[static_cast<size_t>(table)]; }
  Table& at(int table) { return tables_[static_cast<size_t>(table)]; }
  std::vector<NodeRows> parse(Table& table, Bytes bytes, bool stays) const;
  void require_known(const Table& table, std::span<const int64_t> keys) const;
  // Parts of [0, rows), each on a thread, where there are enough of them.
  void spread_over(size_t rows, const std::function<void(const PartOf&)>& job) const;
  void reduce(Table& table);
  void add_up(Table& table);
  static void arrange(Table& table);
  void find_touched(Table& table, std::span<const int64_t> keys);
  void train(Table& table, std::span<const RowId> rows, const RowsView& gradient,
             const OptimizerScalars& scalars) const;
  void step(Table& table, const RowsView& sum, const OptimizerScalars& scalars);
  static void forget(Table& table);

  const TableStoreSpec spec_;
  const ShardRange mine_;
  const KernelTable& kernels_;
  const RowOptimizer optimizer_;
  std::vector<Table> tables_;
  std::vector<RowSums> summers_;  // by thread
  size_t taken_ = 0;              // pushes of the open clock
};

}  // namespace trireme::ps
