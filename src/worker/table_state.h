#pragma once
// Embedding tables as logical tensors, by ascending key: table.NAME.keys [n] int64, .rows [n, dim],
// .updates [n] int64 (how often each row was stepped), .last_step [n] int64, and .MOMENT [n, dim or
// 1] for each of the optimizer's. How many ranks there were leaves no trace.

#include <memory>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "ps/row_optimizer.h"
#include "ps/row_table.h"

namespace trireme {

using RowMoments = std::vector<ps::RowOptimizer::Moment>;

class TableState final : public StateSource {
 public:
  // The rows that the table has now; those made later are left out. The table must outlive this,
  // and its rows stay as they are until capture() returned.
  void add(const ps::RowTable& table, const RowMoments& moments);
  void capture() override;
  const std::vector<TensorMeta>& list() const override { return list_; }
  void read(const TensorMeta& tensor, std::span<std::byte> out) override;

 private:
  struct Table;
  struct Column {  // one tensor
    const Table* table;
    size_t offset;  // bytes into a row's copy
    size_t bytes;   // of each row
  };
  struct Table {
    const ps::RowTable* rows;
    int64_t count;
    size_t row_bytes;             // header, weights, moments
    std::vector<std::byte> copy;  // by key
  };
  void add_column(const Table& table, const std::string& suffix, int64_t width, DType dtype,
                  size_t offset);

  std::vector<std::unique_ptr<Table>> tables_;
  std::vector<TensorMeta> list_;
  std::vector<Column> columns_;  // as list_
};

// Fills an empty table from a checkpoint. A moment that the checkpoint lacks starts from its
// initial value. Throws FormatError naming the tensor that is missing or does not fit.
void restore_table(const CheckpointReader& checkpoint, const RowMoments& moments,
                   ps::RowTable& table);

// Whether the checkpoint has the table in its shape; else throws FormatError.
void require_table(const CheckpointReader& checkpoint, const TableSpec& spec);

}  // namespace trireme
