#include "worker/tables/lane_tables.h"

#include <algorithm>
#include <utility>

#include "ps/merge_runs.h"
#include "ps/row_sums.h"

namespace trireme {

struct LaneTables::Batch {
  struct Rows {  // of all leaves, of one table
    std::vector<int64_t> keys;
    std::vector<size_t> first;  // of the lanes' ranges
    std::vector<float> rows;
    std::vector<uint8_t> present;
  };
  struct Part {  // of one leaf and table
    Lookup lookup;
    // By number of the key in the leaf: its row; until bind(), counted in the lane's range, which
    // begins at the leaf's number `first`.
    std::vector<int32_t> row_of;
    std::vector<size_t> first;
    bool all_present = false;
    std::vector<float> gradient;
  };
  struct Leaf {
    bool present = false;
    std::vector<Part> parts;  // by table
    std::vector<TableLeaf> views;
  };
  Batch(LeafRun leaves_here, size_t tables, size_t lanes)
      : run(leaves_here), rows(tables), leaves(static_cast<size_t>(run.size())) {
    for (Rows& of_table : rows) of_table.first.resize(lanes);
    for (Leaf& leaf : leaves) {
      leaf.parts.resize(tables);
      for (Part& part : leaf.parts) part.first.resize(lanes);
      leaf.views.resize(tables);
    }
  }
  Leaf& leaf(int index) { return leaves[static_cast<size_t>(index - run.first)]; }

  const LeafRun run;
  std::vector<Rows> rows;  // by table
  std::vector<Leaf> leaves;
};

LaneTables::LaneTables(const Graph& graph, TableExchange& exchange, LeafRun leaves,
                       const Spread& spread)
    : exchange_(exchange),
      run_(leaves),
      spread_(spread),
      uses_(graph.tables().size()),
      unions_(static_cast<size_t>(spread.threads()), std::vector<Union>(uses_.size())) {
  for (const Node& node : graph.nodes()) {
    if (node.table < 0) continue;
    const TableUse use = *node.op->table();
    const Shape& ids = graph.node(node.inputs.front()).shape;
    uses_[static_cast<size_t>(node.table)] = {ids[0], ids[1], use.spec.dim, use.per_feature};
  }
  for (auto* made : {&training_[0], &training_[1], &evaluation_})
    *made = std::make_unique<Batch>(run_, uses_.size(), unions_.size());
}

LaneTables::~LaneTables() = default;

void LaneTables::look_up(int index, const LeafBatch& data, For step) {
  Batch::Leaf& leaf = batch(step).leaf(index);
  leaf.present = true;
  const auto* ids = reinterpret_cast<const int64_t*>(data.at(BatchField::ids));
  for (size_t t = 0; t < uses_.size(); ++t) {
    const Use& use = uses_[t];
    Batch::Part& part = leaf.parts[t];
    part.lookup.build(ids, data.samples, use.features, use.values, use.per_feature);
    part.row_of.resize(part.lookup.keys().size());
  }
}

// All keys of a table, and where each leaf's are among them; each lane a range of the keys.
void LaneTables::merge_keys(Batch& batch) {
  spread_([&](int part, int parts) {
    for (size_t t = 0; t < uses_.size(); ++t) unite(batch, t, part, parts);
  });
  for (size_t t = 0; t < uses_.size(); ++t) {
    std::vector<int64_t>& all = batch.rows[t].keys;
    all.clear();
    for (size_t lane = 0; lane < unions_.size(); ++lane) {
      batch.rows[t].first[lane] = all.size();
      all.insert(all.end(), unions_[lane][t].keys.begin(), unions_[lane][t].keys.end());
    }
  }
}

void LaneTables::unite(Batch& batch, size_t t, int part_number, int parts) {
  const auto lane = static_cast<size_t>(part_number);
  auto& [entries, spare, ends, row_of, keys] = unions_[lane][t];
  ends.clear();
  row_of.clear();
  size_t all = 0;
  std::span<const int64_t> longest;
  for (const Batch::Leaf& leaf : batch.leaves) {
    if (!leaf.present) continue;
    const auto of_leaf = leaf.parts[t].lookup.keys();
    all += of_leaf.size();
    if (of_leaf.size() > longest.size()) longest = of_leaf;
  }
  const ps::KeyRange range = ps::key_range(longest, part_number, parts);
  entries.resize(all);
  Union::Entry* out = entries.data();
  for (Batch::Leaf& leaf : batch.leaves) {
    if (!leaf.present) continue;
    Batch::Part& part = leaf.parts[t];
    const auto mine = ps::within(range, part.lookup.keys());
    auto number = static_cast<int32_t>(mine.data() - part.lookup.keys().data());
    part.first[lane] = static_cast<size_t>(number);
    const auto l = static_cast<int32_t>(ends.size());
    for (const int64_t key : mine) *out++ = {key, l, number++};
    ends.push_back(static_cast<size_t>(out - entries.data()));
    row_of.push_back(part.row_of.data());
  }
  entries.resize(static_cast<size_t>(out - entries.data()));
  ps::merge_runs(entries, ends, spare, [](const Union::Entry& e) { return e.key; });
  keys.resize(entries.size());
  int32_t row = -1;
  int64_t last = 0;
  for (const auto& [key, leaf, number] : entries) {
    row += row < 0 || key != last;
    keys[static_cast<size_t>(row)] = last = key;
    row_of[static_cast<size_t>(leaf)][number] = row;
  }
  keys.resize(static_cast<size_t>(row + 1));
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

void LaneTables::prepare_ahead() { merge_keys(batch(For::ahead)); }

void LaneTables::announce() {
  const Batch& ahead = batch(For::ahead);
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
    part.all_present = true;
    for (size_t lane = 0; lane < part.first.size(); ++lane) {
      const auto end = lane + 1 < part.first.size() ? part.first[lane + 1] : part.row_of.size();
      for (size_t i = part.first[lane]; i < end; ++i) {
        const size_t row = of_table.first[lane] + static_cast<size_t>(part.row_of[i]);
        part.row_of[i] = of_table.present[row] ? static_cast<int32_t>(row) : -1;
        part.all_present = part.all_present && of_table.present[row];
      }
    }
    if (trains)
      part.gradient.assign(part.row_of.size() * static_cast<size_t>(uses_[t].dim), 0.0f);
    else
      leaf.present = false;  // no push() follows
    leaf.views[t] = {part.lookup.index().data(), part.row_of.data(), of_table.rows.data(),
                     part.gradient.data()};
  }
  return leaf.views.data();
}

void LaneTables::push(int lane, LeafRun leaves) {
  Batch& batch = this->batch(true);
  for (int i = leaves.first; i < leaves.last; ++i) {
    if (!std::exchange(batch.leaf(i).present, false)) continue;
    for (size_t t = 0; t < uses_.size(); ++t) {
      const Batch::Part& part = batch.leaf(i).parts[t];
      exchange_.push(lane, static_cast<int>(t),
                     {{0, i},
                      {uses_[t].dim, part.lookup.keys(), part.gradient.data()},
                      part.all_present ? part.row_of.data() : nullptr});
    }
  }
}

}  // namespace trireme
