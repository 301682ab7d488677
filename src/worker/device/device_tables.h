#pragma once
// Embedding tables in a step on a device. Rows stay in host memory, where the same TableExchange
// as for lanes keeps them: what the rank's leaf looks up is fetched on the host and uploaded, and
// the rows' gradients are downloaded and pushed. A training step waits for that between its
// backward pass and its verdict.

#include <memory>
#include <span>
#include <vector>

#include "base/spread.h"
#include "data/loader.h"
#include "model/graph.h"
#include "model/lookup.h"
#include "worker/device/device_rows.h"
#include "worker/tables/table_exchange.h"

namespace trireme {

class DeviceTables {
 public:
  // leaf: this rank's, of at most so many samples; spread: the host threads that look after rows.
  // All must outlive this.
  DeviceTables(const Device& device, const Graph& graph, TableExchange& exchange, int leaf,
               int64_t samples, Spread spread);
  // Of device memory.
  static size_t device_bytes(const Graph& graph, int64_t samples);

  // What Workspace::tables points to.
  const TableLeaf* leaves() const { return leaves_.data(); }

  // Every step, in this order. The rows that the batch looks up, put on their way; null: none.
  void fetch(const LeafBatch* batch, bool trains, const DeviceStream& copies);
  // Training: before and behind the backward pass.
  void clear(const DeviceStream& stream) const;
  void download(const DeviceStream& stream) const;
  // When that has happened: hands the gradients over and adds up those of all ranks; their squares,
  // as TableExchange::reduce() gives them. Every rank must call.
  std::span<const double> reduce(int64_t step);
  // Steps the rows where the verdict says so.
  void conclude(const OptimizerScalars& scalars, const StepVerdict& verdict);

 private:
  struct Use {  // of one table
    int64_t features, values;
    TableUse table;
    std::unique_ptr<DeviceRows> rows;
    Lookup lookup;
    std::vector<uint8_t> present;
    std::span<const int64_t> keys() const { return lookup.keys(); }
  };

  TableExchange& exchange_;
  const int leaf_;
  const Spread spread_;
  bool looked_up_ = false;  // in this step: the rank has samples
  std::vector<Use> uses_;   // by table
  std::vector<TableLeaf> leaves_;
  std::vector<TableExchange::Fetch> wanted_;  // by table, of the step
  std::vector<double> squares_;
};

}  // namespace trireme
