#include "ps/state_copy.h"

namespace trireme::ps {

StateCopy::StateCopy(DenseStore& store, std::span<const int> blocks,
                     const std::vector<RowTable*>& tables, StateWriter& writer,
                     const std::string& place)
    : writer_(writer), blocks_(store, blocks, writer), rows_(tables, writer) {
  std::vector<int64_t> rows;
  for (const RowTable* table : tables) rows.push_back(table->size());
  writer_.begin(place, rows);
}

bool StateCopy::advance() {
  if (ended_) return false;
  if (!blocks_.done()) return blocks_.advance();
  if (!rows_.done()) return rows_.advance();
  writer_.end();
  ended_ = true;
  return true;
}

}  // namespace trireme::ps
