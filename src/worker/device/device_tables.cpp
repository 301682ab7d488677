#include "worker/device/device_tables.h"

#include "ps/table_shards.h"

namespace trireme {

DeviceTables::DeviceTables(const Device& device, const Graph& graph, TableExchange& exchange,
                           int leaf, int64_t samples, Spread spread)
    : exchange_(exchange),
      leaf_(leaf),
      spread_(std::move(spread)),
      uses_(graph.tables().size()),
      squares_(graph.tables().size() * ps::kTableShards) {
  for (const Node& node : graph.nodes()) {
    if (node.table < 0) continue;
    Use& use = uses_[static_cast<size_t>(node.table)];
    const Shape& ids = graph.node(node.inputs.front()).shape;
    use.features = ids[0];
    use.values = ids[1];
    use.table = *node.op->table();
    use.rows = std::make_unique<DeviceRows>(device, samples * ids.elements(), use.table.spec.dim);
  }
  for (Use& use : uses_) {
    leaves_.push_back(use.rows->leaf());
    use.present.reserve(static_cast<size_t>(samples * use.features * use.values));
  }
  wanted_.reserve(uses_.size());
}

size_t DeviceTables::device_bytes(const Graph& graph, int64_t samples) {
  size_t bytes = 0;
  for (const Node& node : graph.nodes())
    if (node.table >= 0)
      bytes += DeviceRows::device_bytes(samples * graph.node(node.inputs.front()).shape.elements(),
                                        node.op->table()->spec.dim);
  return bytes;
}

void DeviceTables::fetch(const LeafBatch* batch, bool trains, const DeviceStream& copies) {
  looked_up_ = batch != nullptr;
  wanted_.clear();
  spread_(std::ssize(uses_), [&](int part, int parts) {
    const PartOf mine(std::ssize(uses_), part, parts);
    for (Use& use : std::span(uses_).subspan(mine.first(), mine.size()))
      use.lookup.build(
          batch ? reinterpret_cast<const int64_t*>(batch->at(BatchField::ids)) : nullptr,
          batch ? batch->samples : 0, use.features, use.values, use.table.per_feature);
  });
  for (Use& use : uses_) {
    use.present.resize(use.keys().size());
    wanted_.push_back({use.keys(), use.rows->rows(), use.present.data()});
  }
  exchange_.fetch(wanted_, trains);
  if (!batch) return;
  for (const Use& use : uses_) use.rows->upload(use.lookup.index(), use.present, copies);
}

void DeviceTables::clear(const DeviceStream& stream) const {
  for (const Use& use : uses_) use.rows->clear(stream);
}

void DeviceTables::download(const DeviceStream& stream) const {
  if (!looked_up_) return;
  for (const Use& use : uses_) use.rows->download(static_cast<int64_t>(use.keys().size()), stream);
}

std::span<const double> DeviceTables::reduce(int64_t step) {
  for (size_t t = 0; t < uses_.size() && looked_up_; ++t) {
    const Use& use = uses_[t];
    exchange_.push(0, static_cast<int>(t),
                   {{0, leaf_}, {use.table.spec.dim, use.keys(), use.rows->gradients()}});
  }
  spread_([&](int part, int parts) { exchange_.sum(part, parts); });
  if (exchange_.gathers()) {
    exchange_.gather(step);
    spread_([&](int part, int parts) { exchange_.sum_gathered(part, parts); });
  }
  exchange_.reduce(step, squares_);
  return squares_;
}

void DeviceTables::conclude(const OptimizerScalars& scalars, const StepVerdict& verdict) {
  exchange_.conclude(scalars, verdict);
  if (verdict.applied)
    spread_([&](int part, int parts) { exchange_.commit(part, parts, scalars); });
}

}  // namespace trireme
