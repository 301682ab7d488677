#pragma once
// Embedding tables as logical tensors, by ascending key: table.NAME.keys [n] int64, .rows [n, dim],
// .updates [n] int64 (how often each row was stepped), .last_step [n] int64, and .MOMENT [n, dim or
// 1] for each of the optimizer's. Where rows have a life (ps::TableLife): table.NAME.life [5]
// int64, rows admitted, expired and evicted, sightings and those forgotten; and of keys that wait
// for a row, table.NAME.candidates.keys, .last_step and .sightings [m] int64. How many ranks there
// were leaves no trace.

#include <memory>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "ps/life_counts.h"
#include "ps/row_table.h"
#include "worker/tables/row_columns.h"
#include "worker/tables/stored_rows.h"

namespace trireme {

class TableState final : public StateSource {
 public:
  // The rows that the table has now; those made later are left out. The table must outlive this,
  // and its rows stay as they are until capture() returned.
  void add(const ps::RowTable& table, const RowMoments& moments);
  // Likewise.
  void add_candidates(const TableSpec& table, const ps::RowTable& candidates);
  // Rows by ascending key, as a RowTable has them in memory; likewise candidates.
  struct Images {
    size_t row_bytes = 0;
    std::vector<std::byte> rows;
  };
  void add(const TableSpec& table, Images images, const RowMoments& moments);
  void add_candidates(const TableSpec& table, Images images);
  void add_counts(const TableSpec& table, const ps::LifeCounts& counts);
  void capture() override;
  const std::vector<TensorMeta>& list() const override { return list_; }
  void read(const TensorMeta& tensor, std::span<std::byte> out) override;

 private:
  struct Table;
  struct Column {  // one tensor
    const Table* table;
    size_t offset;                      // bytes into a row's copy
    size_t bytes;                       // of each row
    std::vector<int64_t> numbers = {};  // all there is, where `table` is null
  };
  struct Table {
    const ps::RowTable* rows;  // that are yet to be captured; null: none
    int64_t count, slots;
    Images copy;
  };
  const Table& add_table(const ps::RowTable& rows);
  const Table& add_table(Images images);
  void add(const Table& table, const std::vector<RowColumn>& columns);

  std::vector<std::unique_ptr<Table>> tables_;
  std::vector<TensorMeta> list_;
  std::vector<Column> columns_;  // as list_
};

}  // namespace trireme
