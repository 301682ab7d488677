#include "ps/announcements.h"

#include <algorithm>
#include <iterator>

namespace trireme::ps {

Announcements::Announcements(size_t tables, int workers) {
  for (auto& of_tables : clocks_)
    of_tables.assign(tables, {std::vector<bool>(static_cast<size_t>(workers)), {}});
}

void Announcements::add(int table, int worker, int64_t clock, std::span<const int64_t> keys) {
  OfTable& all = clocks_[slot(clock)][static_cast<size_t>(table)];
  all.known[static_cast<size_t>(worker)] = true;
  merged_.clear();
  std::ranges::set_union(all.keys, keys, std::back_inserter(merged_));
  std::swap(all.keys, merged_);
}

bool Announcements::complete(int table, int64_t clock) const {
  return std::ranges::find(of(table, clock).known, false) == of(table, clock).known.end();
}

std::vector<bool> Announcements::untouched(int table, int64_t clock,
                                           std::span<const int64_t> keys) const {
  const std::vector<int64_t>& touched = of(table, clock).keys;
  std::vector<bool> result(keys.size());
  auto at = touched.begin();
  for (size_t i = 0; i < keys.size(); ++i) {
    while (at != touched.end() && *at < keys[i]) ++at;
    result[i] = at == touched.end() || *at != keys[i];
  }
  return result;
}

void Announcements::forget(int64_t clock) {
  for (OfTable& table : clocks_[slot(clock)]) {
    table.known.assign(table.known.size(), false);
    table.keys.clear();
  }
}

}  // namespace trireme::ps
