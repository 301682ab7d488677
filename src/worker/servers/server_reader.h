#pragma once
// A server's way to a checkpoint: weights, moments and averages of its blocks, and the rows of its
// keys. Files are mapped, and what was read is let go of: nothing is kept but a chunk of rows.

#include <memory>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "ps/row_optimizer.h"
#include "ps/state_reader.h"
#include "ps/table_life.h"
#include "tensor/param_table.h"
#include "worker/tables/stored_rows.h"

namespace trireme {

class ServerReader final : public ps::StateReader {
 public:
  struct What {
    const ParamTable& params;
    std::vector<std::string> moments;
    std::vector<TableSpec> tables;
    ps::RowOptimizer optimizer;  // of their rows
    ps::LifeSpec life;
  };
  ServerReader(int server, int servers, What what);

  bool sees(const std::string& place) override;
  void begin(const std::string& place) override;
  // Throws FormatError for a tensor of another shape. An average that there is not is the weights.
  void read(uint32_t buffer, Range range, float* out) override;
  std::optional<Rows> next() override;
  void end() override;

 private:
  struct Source {
    int table;
    ps::Part part;
    StoredRows rows;
  };
  const TensorMeta* find(uint32_t buffer, const Slot& slot) const;

  const int server_, servers_;
  const What what_;
  std::unique_ptr<CheckpointReader> checkpoint_;  // between begin() and end()
  std::vector<Source> sources_;
  size_t source_ = 0;
  int64_t row_ = 0, forgotten_ = 0;  // of it
  std::vector<std::byte> chunk_;
};

}  // namespace trireme
