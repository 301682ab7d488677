#pragma once
// Embedding tables whose rows live on servers: a worker asks for the rows of a step, and pushes the
// gradients of the rows that it touched. No worker holds a table; servers write theirs into
// checkpoints, or rows pass through the memory of worker 0.

#include <memory>
#include <vector>

#include "ps/row_optimizer.h"
#include "ps/row_table.h"
#include "ps/table_life.h"
#include "worker/exchange/topology.h"
#include "worker/servers/servers.h"
#include "worker/tables/pushed_rows.h"
#include "worker/tables/table_exchange.h"
#include "worker/tables/table_state.h"

namespace trireme {

class ServedTables : public TableExchange {
 public:
  // Borrows the servers, which have the same tables, optimizer and life.
  ServedTables(Servers& servers, const Topology& topology, std::span<const TableSpec> specs,
               const ps::RowOptimizer& optimizer, const ps::LifeSpec& life = {});

  std::span<const TableSpec> tables() const override { return specs_; }
  void fetch(std::span<const Fetch> wanted, bool trains) override;
  bool asks_ahead() const override { return true; }
  void announce(std::span<const std::span<const int64_t>> keys) override;
  void push(int lane, int table, const ps::NodeRows& leaf) override {
    pushed_.push(lane, table, leaf);
  }
  void sum(int part, int parts) override { pushed_.sum(part, parts); }
  // Sync: pushes this rank's sums; the squares are the servers' to say, so these are zeros. Else:
  // squares of what this rank pushes in commit().
  void reduce(int64_t step, std::span<double> squares) override;
  // Sync: nothing, the servers have applied it. Else: part 0 pushes, also an update that is to be
  // skipped, which counts as done then.
  void commit(int part, int parts, const OptimizerScalars& scalars) override;
  // Both on worker 0 alone (restore() does nothing elsewhere); the others must not go on to the
  // next update meanwhile. A copy of all tables is here as long as the snapshot.
  std::unique_ptr<StateSource> snapshot() override { return copy_of(true); }
  std::unique_ptr<StateSource> part_of_checkpoint() override {
    return copy_of(!servers_.write_themselves);
  }
  void restore(const CheckpointReader& checkpoint) override;
  std::string digest() const override { return {}; }
  ps::LifeCounts counts(int table) const override;

 private:
  struct Share {  // of one table and server
    std::vector<int64_t> keys;
    std::vector<size_t> places;  // of these keys among all
    std::vector<std::byte> answer;
  };
  struct Pull {                 // of all tables
    std::vector<Share> shares;  // by table and server
    uint32_t flags = 0;
  };
  const TableSpec& spec(int table) const { return specs_[static_cast<size_t>(table)]; }
  ps::RowState row_state(int table) const;
  std::span<Share> shares(Pull& pull, int table) const {  // by server
    const auto n = static_cast<size_t>(count_);
    return std::span(pull.shares).subspan(static_cast<size_t>(table) * n, n);
  }
  void split(Pull& pull, int table, std::span<const int64_t> keys) const;
  void ask(Pull& pull, int table, int64_t clock, ps::ClientCore& client) const;
  void deal_out(Pull& pull, int table, float* rows, uint8_t* present) const;
  void send(int table, std::span<const ps::NodeRows> sums, const OptimizerScalars& scalars);
  TableState::Images fetch_all(int table, ps::Part part, size_t row_bytes) const;
  std::unique_ptr<StateSource> copy_of(bool rows) const;
  void fetch_into(TableState& state, int table) const;
  void load_all(int table, ps::Part part, std::span<const StoredRows> parts);

  Servers& servers_;
  const Topology topology_;
  const std::vector<TableSpec> specs_;
  const ps::RowOptimizer optimizer_;
  const ps::LifeSpec life_;
  const int count_;
  std::vector<ps::LifeCounts> before_;  // by table: of the run up to the checkpoint
  Pull now_, ahead_;
  bool announced_ = false;  // ahead_ is asked for
  PushedRows pushed_;
  std::vector<std::vector<ps::NodeRows>> sums_;  // by table, of this rank, at most one each
  int64_t step_ = -1;
};

}  // namespace trireme
