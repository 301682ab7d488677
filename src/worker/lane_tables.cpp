#include "worker/lane_tables.h"

#include <algorithm>
#include <utility>

#include "ps/table_shards.h"

namespace trireme {

struct LaneTables::Batch {
  struct Rows {  // of all leaves, of one table
    std::vector<int64_t> keys;
    std::vector<float> rows;
    std::vector<uint8_t> present;
  };
  struct Part {  // of one leaf and table
    Lookup lookup;
    std::vector<int32_t> row_of;
    ps::RowGradient gradient;
  };
  struct Leaf {
    bool present = false;
    std::vector<Part> parts;  // by table
    std::vector<TableLeaf> views;
  };
  Batch(LeafRun leaves_here, size_t tables)
      : run(leaves_here), rows(tables), leaves(static_cast<size_t>(run.size())) {
    for (Leaf& leaf : leaves) {
      leaf.parts.resize(tables);
      leaf.views.resize(tables);
    }
  }
  Leaf& leaf(int index) { return leaves[static_cast<size_t>(index - run.first)]; }

  const LeafRun run;
  std::vector<Rows> rows;  // by table
  std::vector<Leaf> leaves;
};

LaneTables::LaneTables(const Graph& graph, TableExchange& exchange, LeafRun leaves)
    : exchange_(exchange), run_(leaves), uses_(graph.tables().size()) {
  for (const Node& node : graph.nodes()) {
    if (node.table < 0) continue;
    const TableUse use = *node.op->table();
    const Shape& ids = graph.node(node.inputs.front()).shape;
    uses_[static_cast<size_t>(node.table)] = {ids[0], ids[1], use.spec.dim, use.per_feature};
  }
  for (auto* made : {&training_[0], &training_[1], &evaluation_})
    *made = std::make_unique<Batch>(run_, uses_.size());
}

LaneTables::~LaneTables() = default;

void LaneTables::look_up(int index, const LeafBatch& data, For step) {
  Batch::Leaf& leaf = batch(step).leaf(index);
  leaf.present = true;
  const auto* ids = reinterpret_cast<const int64_t*>(data.at(BatchField::ids));
  for (size_t t = 0; t < uses_.size(); ++t) {
    const Use& use = uses_[t];
    leaf.parts[t].lookup.build(ids, data.samples, use.features, use.values, use.per_feature);
  }
}

void LaneTables::merge_keys(Batch& batch) {
  for (size_t t = 0; t < uses_.size(); ++t) {
    std::vector<int64_t>& all = batch.rows[t].keys;
    all.clear();
    for (const Batch::Leaf& leaf : batch.leaves) {
      if (!leaf.present) continue;
      const auto keys = leaf.parts[t].lookup.keys();
      merged_.clear();
      std::set_union(all.begin(), all.end(), keys.begin(), keys.end(), std::back_inserter(merged_));
      std::swap(all, merged_);
    }
  }
}

void LaneTables::fetch(bool trains) {
  if (trains && announced_)
    now_ = 1 - now_;
  else
    merge_keys(batch(trains));
  if (trains) announced_ = false;
  std::vector<TableExchange::Fetch> wanted;
  for (size_t t = 0; t < uses_.size(); ++t) {
    Batch::Rows& of_table = batch(trains).rows[t];
    of_table.rows.resize(of_table.keys.size() * static_cast<size_t>(uses_[t].dim));
    of_table.present.resize(of_table.keys.size());
    wanted.push_back({of_table.keys, of_table.rows.data(), of_table.present.data()});
  }
  exchange_.fetch(wanted, trains);
}

void LaneTables::announce() {
  Batch& ahead = batch(For::ahead);
  merge_keys(ahead);
  std::vector<std::span<const int64_t>> keys;
  for (const Batch::Rows& of_table : ahead.rows) keys.emplace_back(of_table.keys);
  exchange_.announce(keys);
  announced_ = true;
}

const TableLeaf* LaneTables::bind(int index, bool trains) {
  Batch& batch = this->batch(trains);
  Batch::Leaf& leaf = batch.leaf(index);
  for (size_t t = 0; t < uses_.size(); ++t) {
    const Batch::Rows& of_table = batch.rows[t];
    Batch::Part& part = leaf.parts[t];
    const auto keys = part.lookup.keys();
    part.row_of.resize(keys.size());
    find_rows(keys, of_table.keys, part.row_of);
    for (int32_t& row : part.row_of)
      if (!of_table.present[static_cast<size_t>(row)]) row = -1;
    if (trains) {
      part.gradient.dim = uses_[t].dim;
      part.gradient.keys.assign(keys.begin(), keys.end());
      part.gradient.rows.assign(keys.size() * static_cast<size_t>(uses_[t].dim), 0.0f);
    } else {
      leaf.present = false;  // no push() follows
    }
    leaf.views[t] = {part.lookup.index().data(), part.row_of.data(), of_table.rows.data(),
                     part.gradient.rows.data()};
  }
  return leaf.views.data();
}

void LaneTables::push(int lane, LeafRun leaves) {
  Batch& batch = this->batch(true);
  for (size_t t = 0; t < uses_.size(); ++t) {
    std::vector<ps::NodeGradient> parts;
    for (int i = leaves.first; i < leaves.last; ++i)
      if (batch.leaf(i).present)
        parts.push_back({{0, i}, std::move(batch.leaf(i).parts[t].gradient)});
    for (ps::NodeGradient& sum : ps::sums_within(parts, leaves, uses_[t].dim))
      exchange_.push(lane, static_cast<int>(t), std::move(sum));
  }
  for (int i = leaves.first; i < leaves.last; ++i) batch.leaf(i).present = false;
}

}  // namespace trireme
