#pragma once
// Embedding tables of a finished model: rows by key, as they lie among its weights under
// table.NAME.keys (int64 [n], ascending) and table.NAME.rows (float32 [n, dim]).

#include <map>
#include <string>
#include <vector>

#include "model/graph.h"
#include "model/lookup.h"
#include "tensor/buffer.h"

namespace trireme {

std::string table_tensor(const TableSpec& spec, std::string_view suffix);  // table.NAME.SUFFIX

// The two tensors of every table of the graph, checked. FormatError naming what is missing, has
// another shape, or whose keys are not ascending.
class ModelTables {
 public:
  ModelTables(const Graph& graph, const std::map<std::string, HostTensor>& weights);
  struct Table {
    HostTensor keys, rows;
  };
  std::span<const Table> tables() const { return tables_; }

 private:
  std::vector<Table> tables_;  // as graph.tables()
};

// The ids of a batch in front of those tables. An id without a row counts for no id.
class TableLookup {
 public:
  // Both must outlive this.
  TableLookup(const Graph& graph, const ModelTables& tables);
  // What Workspace::tables points to, for `samples` samples of ids; until the next call.
  const TableLeaf* find(const int64_t* ids, int64_t samples);

 private:
  struct Use {
    TableUse use;
    int64_t features, values;
    Lookup lookup;
    std::vector<int32_t> row_of;
  };
  const ModelTables& tables_;
  std::vector<Use> uses_;  // as graph.tables()
  std::vector<TableLeaf> views_;
};

}  // namespace trireme
