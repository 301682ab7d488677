#pragma once
// Embedding tables of which every rank holds a copy. Ranks tell each other the gradients of the
// rows that they touched; every rank adds all of them up along the tree and steps its own copy, so
// the copies stay equal bit for bit. One rank is the same code, without the telling.

#include <atomic>
#include <memory>
#include <vector>

#include "base/spread.h"
#include "comm/communicator.h"
#include "ps/found_rows.h"
#include "ps/row_optimizer.h"
#include "ps/row_table.h"
#include "ps/table_life.h"
#include "worker/exchange/topology.h"
#include "worker/tables/gathered_rows.h"
#include "worker/tables/pushed_rows.h"
#include "worker/tables/table_exchange.h"

namespace trireme {

class ReplicatedTables final : public TableExchange {
 public:
  ReplicatedTables(Communicator& comm, const Topology& topology, const KernelTable& kernels,
                   std::span<const TableSpec> specs, const ps::RowOptimizer& optimizer,
                   uint64_t seed, double timeout, const ps::LifeSpec& life = {},
                   const Spread& spread = {});  // that look rows up; parts are as many as its
                                                // threads or the lanes at most

  std::span<const TableSpec> tables() const override { return specs_; }
  void fetch(std::span<const Fetch> wanted, bool trains) override;
  void push(int lane, int table, const ps::NodeRows& leaf) override {
    pushed_.push(lane, table, leaf);
  }
  void sum(int part, int parts) override;
  bool gathers() const override { return comm_.size() > 1; }
  void gather(int64_t step) override;
  void sum_gathered(int part, int parts) override;
  void reduce(int64_t step, std::span<double> squares) override;
  void commit(int part, int parts, const OptimizerScalars& scalars) override;
  std::unique_ptr<StateSource> snapshot() override;
  void restore(const CheckpointReader& checkpoint) override;
  std::string digest() const override;
  ps::LifeCounts counts(int table) const override;

 private:
  struct Range {  // of the keys of a reduced gradient
    ps::RowsView gradient;
    std::vector<ps::RowId> touched;
    std::vector<double> squares;  // by row
  };
  struct Reduced {  // of one table, by part
    std::vector<Range> ranges;
    std::vector<ps::RowGradient> sums;  // of all ranks, where there are several
    ps::RowGradient joined;
  };
  std::span<Range> ranges(size_t table) { return std::span(reduced_[table].ranges).first(ranges_); }
  bool makes_at_fetch() const { return lives_.empty(); }
  // With the gradient clipped to the table's norm.
  OptimizerScalars scalars_of(size_t table, OptimizerScalars scalars) const;
  void end_step(const OptimizerScalars& scalars);
  // Which rows the gradient is of, as far as there are any, and its squares.
  void note(size_t table, const ps::RowsView& gradient, Range& range) const;
  // The reduced gradient of a table, as ranges of keys.
  std::span<const ps::RowGradient> gradients(size_t table) const;
  void become_one_range(size_t table);

  Communicator& comm_;
  const Topology topology_;
  const KernelTable& kernels_;
  const std::vector<TableSpec> specs_;
  const ps::RowOptimizer optimizer_;
  const double timeout_;
  std::vector<std::unique_ptr<ps::RowTable>> tables_;
  std::vector<std::unique_ptr<ps::TableLife>> lives_;  // empty: rows stay for ever
  std::vector<ps::FoundRows> fetched_;                 // for this step, by table
  PushedRows pushed_;
  GatheredRows gathered_;
  std::vector<std::vector<ps::NodeRows>> mine_;  // by table, to be gathered
  std::vector<ps::RowSums> summers_;             // of what was gathered, by part
  const Spread spread_;
  std::vector<Reduced> reduced_;     // by table
  size_t ranges_ = 1;                // of each table, in use
  std::vector<double> squares_;      // of reduced_, [tables, ps::kTableShards]
  std::atomic<int> parts_done_ = 0;  // of commit()
};

}  // namespace trireme
