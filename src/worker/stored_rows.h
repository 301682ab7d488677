#pragma once
// Rows of an embedding table in a checkpoint, one at a time, as a ps::RowTable has them in memory.
// Files are mapped: nothing is read before it is asked for, and nothing is kept.

#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/stored_tables.h"
#include "ps/life_counts.h"
#include "ps/row_optimizer.h"
#include "ps/row_table.h"

namespace trireme {

using RowMoments = std::vector<ps::RowOptimizer::Moment>;

// "table.NAME.candidates.SUFFIX", and the suffix of a table's counts.
std::string candidate_tensor(const TableSpec& table, std::string_view suffix);
inline constexpr std::string_view kLifeTensor = "life";

class StoredRows {
 public:
  // A moment that the checkpoint lacks starts from its initial value. Throws FormatError naming the
  // tensor that is missing or does not fit.
  StoredRows(const CheckpointReader& checkpoint, const TableSpec& table, const RowMoments& moments,
             const ps::RowState& state);
  // Keys that wait for a row: none where the checkpoint has none.
  static StoredRows candidates(const CheckpointReader& checkpoint, const TableSpec& table);

  int64_t size() const { return count_; }
  size_t row_bytes() const { return prototype_.size(); }
  int64_t key(int64_t i) const;
  // Header, weights and state of row i. Throws FormatError where its key is not above the one
  // before.
  void copy(int64_t i, std::byte* out) const;

 private:
  StoredRows(const CheckpointReader& checkpoint, std::string table);
  struct Column {
    std::span<const std::byte> bytes;
    size_t of_row;  // bytes
    size_t offset;  // in a row
  };
  void add(std::span<const std::byte> bytes, size_t of_row, size_t offset);

  std::string where_, table_;
  int64_t count_ = 0;
  std::vector<Column> columns_;  // the keys first
  std::vector<std::byte> prototype_;
};

// Fills an empty table, or one of candidates.
void restore_rows(const StoredRows& rows, ps::RowTable& table);
// The table's counts up to the checkpoint. Where it has none, its rows count as admitted.
ps::LifeCounts restored_counts(const CheckpointReader& checkpoint, const TableSpec& table);
// Whether the checkpoint has the table in its shape; else throws FormatError.
void require_table(const CheckpointReader& checkpoint, const TableSpec& spec);

}  // namespace trireme
