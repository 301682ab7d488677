#pragma once
// The file of a checkpoint in which a server has the rows of its tables.

#include <span>
#include <string>
#include <vector>

#include "checkpoint/state.h"
#include "ps/table_life.h"
#include "worker/tables/row_columns.h"

namespace trireme {

// Of every table its rows and, where keys wait for one, its candidates: as TableStore::parts().
std::vector<std::vector<RowColumn>> saved_columns(std::span<const TableSpec> tables,
                                                  const ps::RowOptimizer& optimizer,
                                                  const ps::LifeSpec& life);
// The file of a server, and the tensors in it; rows: of each of those.
std::string row_file_name(int server, int servers);
std::vector<TensorMeta> row_file_tensors(const std::vector<std::vector<RowColumn>>& columns,
                                         std::span<const int64_t> rows, int server, int servers);

}  // namespace trireme
