#pragma once
// Rows of an embedding table in a checkpoint, one at a time, as a ps::RowTable has them in memory.
// Files are mapped: nothing is read before it is asked for, and nothing is kept.

#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/stored_tables.h"
#include "ps/life_counts.h"
#include "ps/row_table.h"
#include "worker/tables/row_columns.h"

namespace trireme {

// The suffix of a table's counts.
inline constexpr std::string_view kLifeTensor = "life";

class StoredRows {  // one part of a table's (checkpoint/parts.h)
 public:
  int64_t size() const { return count_; }
  size_t row_bytes() const { return prototype_.size(); }
  int64_t key(int64_t i) const;
  // Header, weights and state of row i. Throws FormatError where its key is not above the one
  // before.
  void copy(int64_t i, std::byte* out) const;
  // Rows [first, last) are not asked for any more.
  void forget(int64_t first, int64_t last) const noexcept;

 private:
  friend class StoredParts;
  struct Column {
    std::span<const std::byte> bytes;
    size_t of_row;  // bytes
    size_t offset;  // in a row
  };
  StoredRows(std::string where, std::string table, std::vector<std::byte> prototype)
      : where_(std::move(where)), table_(std::move(table)), prototype_(std::move(prototype)) {}

  std::string where_, table_;
  int64_t count_ = 0;
  std::vector<Column> columns_;  // the keys first
  std::vector<std::byte> prototype_;
};

// All of a table, each part by ascending key. A moment that the checkpoint lacks starts from its
// initial value. Throws FormatError naming the tensor that is missing or does not fit.
std::vector<StoredRows> stored_rows(const CheckpointReader& checkpoint, const TableSpec& table,
                                    const RowMoments& moments, const ps::RowState& state);
// Keys that wait for a row: nothing where the checkpoint has none.
std::vector<StoredRows> stored_candidates(const CheckpointReader& checkpoint,
                                          const TableSpec& table);

// Fills an empty table, or one of candidates. Throws FormatError where a key is in two parts.
void restore_rows(std::span<const StoredRows> parts, ps::RowTable& table);
// The table's counts up to the checkpoint. Where it has none, its rows count as admitted.
ps::LifeCounts restored_counts(const CheckpointReader& checkpoint, const TableSpec& table);
// Whether the checkpoint has the table in its shape; else throws FormatError.
void require_table(const CheckpointReader& checkpoint, const TableSpec& spec);

}  // namespace trireme
