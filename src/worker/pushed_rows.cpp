#include "worker/pushed_rows.h"

#include <iterator>

#include "ps/table_shards.h"

namespace trireme {

PushedRows::PushedRows(const Topology& topology, std::span<const TableSpec> tables)
    : run_{topology.lane_run(0).first, topology.lane_run(topology.lanes - 1).last},
      parts_(static_cast<size_t>(topology.lanes),
             std::vector<std::vector<ps::NodeGradient>>(tables.size())) {
  for (const TableSpec& table : tables) dims_.push_back(table.dim);
}

std::vector<ps::NodeGradient> PushedRows::take(int table) {
  std::vector<ps::NodeGradient> all;
  for (auto& lane : parts_) {
    auto& parts = lane[static_cast<size_t>(table)];
    std::move(parts.begin(), parts.end(), std::back_inserter(all));
    parts.clear();
  }
  return all;
}

std::vector<ps::NodeGradient> PushedRows::take_sums(int table) {
  std::vector<ps::NodeGradient> parts = take(table);
  return ps::sums_within(parts, run_, dims_[static_cast<size_t>(table)]);
}

}  // namespace trireme
