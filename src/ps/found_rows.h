#pragma once
// Rows that a lookup found, kept until a push names some of them again.

#include <cstdint>
#include <span>
#include <vector>

#include "ps/row_table.h"

namespace trireme::ps {

struct FoundRows {
  std::vector<int64_t> keys;  // ascending
  std::vector<RowId> rows;    // kNoRow: there was none
};

// rows[i]: the row of keys[i] (ascending) where `found` has it; else as it was.
void take_known(const FoundRows& found, std::span<const int64_t> keys, std::span<RowId> rows);
// One list of the keys of all, in the place of them.
void unite(std::vector<FoundRows>& all);
// Looks up those that are kNoRow.
void find_unknown(const RowTable& table, std::span<const int64_t> keys, std::span<RowId> rows);
// Makes those that are kNoRow.
void make_missing(RowTable& table, std::span<const int64_t> keys, std::span<RowId> rows);

}  // namespace trireme::ps
