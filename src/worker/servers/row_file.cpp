#include "worker/servers/row_file.h"

#include "checkpoint/parts.h"
#include "checkpoint/shards.h"

namespace trireme {

std::vector<std::vector<RowColumn>> saved_columns(std::span<const TableSpec> tables,
                                                  const ps::RowOptimizer& optimizer,
                                                  const ps::LifeSpec& life) {
  std::vector<std::vector<RowColumn>> columns;
  for (const TableSpec& table : tables) {
    columns.push_back(row_columns(table, optimizer.moments(table.dim)));
    if (life.admit_after > 1) columns.push_back(candidate_columns(table));
  }
  return columns;
}

std::string row_file_name(int server, int servers) {
  return shard_name("tables", static_cast<size_t>(server), static_cast<size_t>(servers));
}

std::vector<TensorMeta> row_file_tensors(const std::vector<std::vector<RowColumn>>& columns,
                                         std::span<const int64_t> rows, int server, int servers) {
  std::vector<TensorMeta> tensors;
  for (size_t part = 0; part < columns.size(); ++part)
    for (const RowColumn& column : columns[part])
      tensors.push_back(
          {part_name(column.tensor, server, servers), column.shape(rows[part]), column.dtype});
  return tensors;
}

}  // namespace trireme
