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

// rows[i]: the row of keys[i] (ascending): from `found` where that has it, else looked up, and
// where makes is set, made. Otherwise kNoRow where there is none.
void find_again(RowTable& table, std::span<const FoundRows> found, std::span<const int64_t> keys,
                bool makes, std::vector<RowId>& rows);

}  // namespace trireme::ps
