#pragma once
// Rows of embedding tables for one pass outside of any run: those that a batch looks up.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/graph.h"
#include "model/lookup.h"
#include "tensor/buffer.h"
#include "worker/device/device_rows.h"

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
  // The rows to the device's memory; what Workspace::tables points to, gradients zero. `device` and
  // `stream` must outlive this.
  const TableLeaf* upload(const Device& device, const DeviceStream& stream);
  // The gradients back, when the pass is on the stream. Waits.
  void download(const Device& device, const DeviceStream& stream);

  // table.NAME.keys, ascending, and table.NAME.rows: the rows, or their gradients / weight.
  void append_rows(std::map<std::string, HostTensor>& out) const;
  void append_gradients(double weight, std::map<std::string, HostTensor>& out) const;

 private:
  struct Use {  // one table
    TableSpec spec;
    Lookup lookup;
    std::vector<float> rows, gradients;
    std::unique_ptr<DeviceRows> on_device;
  };
  static void append(const Use& use, const std::vector<float>& rows,
                     std::map<std::string, HostTensor>& out);

  std::vector<Use> uses_;  // as graph.tables()
  std::vector<TableLeaf> leaves_;
};

}  // namespace trireme
