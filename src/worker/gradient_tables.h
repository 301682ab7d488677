#pragma once
// Rows of embedding tables for one pass outside of any run: those that a batch looks up.

#include <map>
#include <string>
#include <vector>

#include "model/graph.h"
#include "model/lookup.h"
#include "tensor/buffer.h"

namespace trireme {

class GradientTables {
 public:
  // ids: [samples, features, values], read here alone. Rows are as they would be made on first
  // touch; their gradients are zero.
  GradientTables(const Graph& graph, uint64_t seed, const int64_t* ids, int64_t samples);

  // Takes the rows that table.NAME.keys and table.NAME.rows of `weights` have; other keys keep
  // theirs. FormatError naming a tensor that is missing, has another shape, or whose keys are not
  // ascending.
  void load(const Graph& graph, const std::map<std::string, HostTensor>& weights);
  // What Workspace::tables points to; null: the graph has none.
  const TableLeaf* leaf() const { return leaves_.empty() ? nullptr : leaves_.data(); }

  // table.NAME.keys, ascending, and table.NAME.rows: the rows, or their gradients / weight.
  void append_rows(std::map<std::string, HostTensor>& out) const;
  void append_gradients(double weight, std::map<std::string, HostTensor>& out) const;

 private:
  struct Use {  // one table
    TableSpec spec;
    Lookup lookup;
    std::vector<int32_t> row_of;  // the identity: rows are the batch's own
    std::vector<float> rows, gradients;
  };
  static void append(const Use& use, const std::vector<float>& rows,
                     std::map<std::string, HostTensor>& out);

  std::vector<Use> uses_;  // as graph.tables()
  std::vector<TableLeaf> leaves_;
};

}  // namespace trireme
