#include "worker/lane_tables.h"

#include <algorithm>
#include <utility>

#include "ps/table_shards.h"

namespace trireme {

struct LaneTables::Use {
  int64_t features = 0, values = 0, dim = 0;
  bool per_feature = true;
  // Of all leaves, for one step.
  std::vector<int64_t> keys, merged;
  std::vector<float> rows;
  std::vector<uint8_t> present;
};

struct LaneTables::Leaf {
  struct Part {  // of one table
    Lookup lookup;
    std::vector<int32_t> row_of;
    ps::RowGradient gradient;
  };
  bool present = false;
  std::vector<Part> parts;
  std::vector<TableLeaf> views;
};

LaneTables::LaneTables(const Graph& graph, TableExchange& exchange, LeafRun leaves)
    : exchange_(exchange), run_(leaves) {
  uses_.resize(graph.tables().size());
  for (const Node& node : graph.nodes()) {
    if (node.table < 0) continue;
    const TableUse use = *node.op->table();
    const Shape& ids = graph.node(node.inputs.front()).shape;
    auto& made = uses_[static_cast<size_t>(node.table)] = std::make_unique<Use>();
    made->features = ids[0];
    made->values = ids[1];
    made->dim = use.spec.dim;
    made->per_feature = use.per_feature;
  }
  for (int i = 0; i < run_.size(); ++i) {
    leaves_.push_back(std::make_unique<Leaf>());
    leaves_.back()->parts.resize(uses_.size());
    leaves_.back()->views.resize(uses_.size());
  }
}

LaneTables::~LaneTables() = default;

void LaneTables::look_up(int index, const LeafBatch& batch) {
  Leaf& leaf = this->leaf(index);
  leaf.present = true;
  const auto* ids = reinterpret_cast<const int64_t*>(batch.at(BatchField::ids));
  for (size_t t = 0; t < uses_.size(); ++t) {
    const Use& use = *uses_[t];
    leaf.parts[t].lookup.build(ids, batch.samples, use.features, use.values, use.per_feature);
  }
}

void LaneTables::fetch(bool trains) {
  std::vector<TableExchange::Fetch> wanted;
  for (size_t t = 0; t < uses_.size(); ++t) {
    Use& use = *uses_[t];
    use.keys.clear();
    for (const auto& leaf : leaves_) {
      if (!leaf->present) continue;
      const auto keys = leaf->parts[t].lookup.keys();
      use.merged.clear();
      std::set_union(use.keys.begin(), use.keys.end(), keys.begin(), keys.end(),
                     std::back_inserter(use.merged));
      std::swap(use.keys, use.merged);
    }
    use.rows.resize(use.keys.size() * static_cast<size_t>(use.dim));
    use.present.resize(use.keys.size());
    wanted.push_back({use.keys, use.rows.data(), use.present.data()});
  }
  exchange_.fetch_all(wanted, trains);
}

const TableLeaf* LaneTables::bind(int index, bool trains) {
  Leaf& leaf = this->leaf(index);
  for (size_t t = 0; t < uses_.size(); ++t) {
    const Use& use = *uses_[t];
    Leaf::Part& part = leaf.parts[t];
    const auto keys = part.lookup.keys();
    part.row_of.resize(keys.size());
    find_rows(keys, use.keys, part.row_of);
    for (int32_t& row : part.row_of)
      if (!use.present[static_cast<size_t>(row)]) row = -1;
    if (trains) {
      part.gradient.dim = use.dim;
      part.gradient.keys.assign(keys.begin(), keys.end());
      part.gradient.rows.assign(keys.size() * static_cast<size_t>(use.dim), 0.0f);
    } else {
      leaf.present = false;  // no push() follows
    }
    leaf.views[t] = {part.lookup.index().data(), part.row_of.data(), use.rows.data(),
                     part.gradient.rows.data()};
  }
  return leaf.views.data();
}

void LaneTables::push(int lane, LeafRun leaves) {
  for (size_t t = 0; t < uses_.size(); ++t) {
    std::vector<ps::NodeGradient> parts;
    for (int i = leaves.first; i < leaves.last; ++i)
      if (leaf(i).present) parts.push_back({{0, i}, std::move(leaf(i).parts[t].gradient)});
    for (ps::NodeGradient& sum : ps::sums_within(parts, leaves, uses_[t]->dim))
      exchange_.push(lane, static_cast<int>(t), std::move(sum));
  }
  for (int i = leaves.first; i < leaves.last; ++i) leaf(i).present = false;
}

}  // namespace trireme
