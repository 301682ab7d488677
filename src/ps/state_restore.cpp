#include "ps/state_restore.h"

#include "ps/message.h"

namespace trireme::ps {

StateRestore::StateRestore(DenseStore& store, std::span<const int> blocks,
                           const Placement& placement, TableStore& tables, StateReader& reader)
    : store_(store),
      placement_(placement),
      tables_(tables),
      reader_(reader),
      blocks_(blocks.begin(), blocks.end()) {}

void StateRestore::advance() {
  ++progress_;
  if (!blocks_.empty()) {
    const int block = blocks_.front();
    blocks_.pop_front();
    const auto read = [&](uint32_t buffer) {
      const std::span<float> values = store_.values(block, buffer);
      if (!values.empty()) reader_.read(buffer, placement_.block(block).range, values.data());
    };
    read(kWeights);
    for (uint32_t i = 0; i < store_.moments(); ++i) read(kFirstMoment + i);
    read(kAverage);
    return;
  }
  if (const auto rows = reader_.next()) return tables_.load(rows->table, rows->part, rows->bytes);
  reader_.end();
  done_ = true;
}

}  // namespace trireme::ps
