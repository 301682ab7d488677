#include "worker/tables/gradient_tables.h"

#include <algorithm>

#include "export/tables.h"
#include "ps/row_table.h"

namespace trireme {

GradientTables::GradientTables(const Graph& graph, uint64_t seed, const int64_t* ids,
                               int64_t samples)
    : uses_(graph.tables().size()) {
  for (const Node& node : graph.nodes()) {
    if (node.table < 0) continue;
    const TableUse table = *node.op->table();
    const Shape& of_sample = graph.node(node.inputs.front()).shape;
    Use& use = uses_[static_cast<size_t>(node.table)];
    use.spec = table.spec;
    use.lookup.build(ids, samples, of_sample[0], of_sample[1], table.per_feature);
    const auto keys = use.lookup.keys();
    use.rows.resize(keys.size() * static_cast<size_t>(use.spec.dim));
    use.gradients.resize(use.rows.size());
    const ps::RowTable first_values(use.spec, {}, seed);
    for (size_t i = 0; i < keys.size(); ++i)
      first_values.initial_row(keys[i], &use.rows[i * static_cast<size_t>(use.spec.dim)]);
  }
}

const TableLeaf* GradientTables::upload(const Device& device, const DeviceStream& stream) {
  leaves_.clear();
  for (Use& use : uses_) {
    const auto index = use.lookup.index();
    use.on_device =
        std::make_unique<DeviceRows>(device, static_cast<int64_t>(index.size()), use.spec.dim);
    std::ranges::copy(use.rows, use.on_device->rows());
    const std::vector<uint8_t> present(use.lookup.keys().size(), 1);
    use.on_device->upload(index, present, stream);
    use.on_device->clear(stream);
    leaves_.push_back(use.on_device->leaf());
  }
  return leaves_.data();
}

void GradientTables::download(const Device& device, const DeviceStream& stream) {
  for (const Use& use : uses_)
    use.on_device->download(static_cast<int64_t>(use.lookup.keys().size()), stream);
  device.synchronise(stream);
  for (Use& use : uses_)
    std::copy_n(use.on_device->gradients(), use.gradients.size(), use.gradients.begin());
}

void GradientTables::load(const Graph& graph, const std::map<std::string, HostTensor>& weights) {
  const ModelTables given(graph, weights);
  for (size_t t = 0; t < uses_.size(); ++t) {
    Use& use = uses_[t];
    const auto keys = use.lookup.keys();
    std::vector<int32_t> found(keys.size());
    find_rows(keys, given.tables()[t].keys.ints(), found);
    const float* rows = given.tables()[t].rows.floats().data();
    for (size_t i = 0; i < keys.size(); ++i)
      if (found[i] >= 0)
        std::copy_n(rows + found[i] * use.spec.dim, use.spec.dim,
                    use.rows.data() + static_cast<int64_t>(i) * use.spec.dim);
  }
}

void GradientTables::append(const Use& use, const std::vector<float>& rows,
                            std::map<std::string, HostTensor>& out) {
  const auto keys = use.lookup.keys();
  const auto n = static_cast<int64_t>(keys.size());
  out.insert_or_assign(table_tensor(use.spec, "keys"), HostTensor::from(Shape{n}, keys));
  out.insert_or_assign(table_tensor(use.spec, "rows"),
                       HostTensor::from(Shape{n, use.spec.dim}, std::span<const float>(rows)));
}

void GradientTables::append_rows(std::map<std::string, HostTensor>& out) const {
  for (const Use& use : uses_) append(use, use.rows, out);
}

void GradientTables::append_gradients(double weight, std::map<std::string, HostTensor>& out) const {
  for (const Use& use : uses_) {
    std::vector<float> mean = use.gradients;
    for (float& g : mean) g = static_cast<float>(static_cast<double>(g) / weight);
    append(use, mean, out);
  }
}

}  // namespace trireme
