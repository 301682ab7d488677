#include "worker/tables/pushed_rows.h"

#include <algorithm>

namespace trireme {

PushedRows::PushedRows(const Topology& topology, std::span<const TableSpec> tables, bool whole,
                       int parts)
    : nodes_(whole ? std::vector{ps::root_of(topology.shards)}
                   : ps::nodes_of(
                         {topology.lane_run(0).first, topology.lane_run(topology.lanes - 1).last})),
      leaves_(static_cast<size_t>(topology.lanes),
              std::vector<std::vector<ps::NodeRows>>(tables.size())),
      sums_(tables.size() * nodes_.size()),
      summers_(static_cast<size_t>(parts)),
      parts_(parts) {
  for (const TableSpec& table : tables) dims_.push_back(table.dim);
  for (Sum& sum : sums_) sum.ranges.resize(summers_.size());
}

void PushedRows::sum(int part, int parts) {
  if (part == 0) parts_ = parts;
  const auto p = static_cast<size_t>(part);
  auto& [sums, below] = summers_[p];
  for (size_t t = 0; t < dims_.size(); ++t)
    for (size_t n = 0; n < nodes_.size(); ++n) {
      below.clear();
      for (const auto& lane : leaves_)
        std::ranges::copy_if(lane[t], std::back_inserter(below), [&](const ps::NodeRows& leaf) {
          return ps::covers(nodes_[n], leaf.node);
        });
      sums.sum(below, ps::key_range(ps::longest_keys(below), part, parts), dims_[t],
               sums_[place(static_cast<int>(t), n)].ranges[p]);
    }
}

void PushedRows::parts(int table, std::vector<ps::NodeRows>& all) const {
  all.clear();
  for (size_t n = 0; n < nodes_.size(); ++n)
    for (const ps::RowGradient& range : ranges(table, n))
      if (range.size() > 0) all.emplace_back(nodes_[n], ps::RowsView(range));
}

std::vector<ps::NodeRows> PushedRows::sums(int table) {
  std::vector<ps::NodeRows> all;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    Sum& sum = sums_[place(table, n)];
    if (parts_ > 1) ps::join(ranges(table, n), sum.joined);
    const ps::RowsView rows = parts_ > 1 ? sum.joined : sum.ranges.front();
    if (rows.size() > 0) all.emplace_back(nodes_[n], rows);
  }
  return all;
}

void PushedRows::end() {
  for (auto& lane : leaves_)
    for (auto& leaves : lane) leaves.clear();
}

}  // namespace trireme
