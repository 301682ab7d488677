#include "ps/found_rows.h"

#include <algorithm>

namespace trireme::ps {

void take_known(const FoundRows& found, std::span<const int64_t> keys, std::span<RowId> rows) {
  if (keys.empty()) return;
  auto at =
      static_cast<size_t>(std::ranges::lower_bound(found.keys, keys.front()) - found.keys.begin());
  if (found.keys.size() - at >= keys.size() &&
      std::equal(keys.begin(), keys.end(), found.keys.data() + at)) {
    for (size_t i = 0; i < keys.size(); ++i)
      if (found.rows[at + i] != kNoRow) rows[i] = found.rows[at + i];
    return;
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    while (at < found.keys.size() && found.keys[at] < keys[i]) ++at;
    if (at == found.keys.size()) return;
    if (found.keys[at] == keys[i] && found.rows[at] != kNoRow) rows[i] = found.rows[at];
  }
}

void unite(std::vector<FoundRows>& all) {
  while (all.size() > 1) {
    const FoundRows a = std::move(all[all.size() - 2]), b = std::move(all.back());
    all.pop_back();
    FoundRows& both = all.back() = {};
    both.keys.reserve(a.keys.size() + b.keys.size());
    both.rows.reserve(a.keys.size() + b.keys.size());
    for (size_t i = 0, k = 0; i < a.keys.size() || k < b.keys.size();) {
      const bool of_b = i == a.keys.size() || (k < b.keys.size() && b.keys[k] < a.keys[i]);
      const bool same = !of_b && k < b.keys.size() && b.keys[k] == a.keys[i];
      both.keys.push_back(of_b ? b.keys[k] : a.keys[i]);
      both.rows.push_back(of_b || (same && a.rows[i] == kNoRow) ? b.rows[k] : a.rows[i]);
      i += !of_b;
      k += of_b || same;
    }
  }
}

void find_unknown(const RowTable& table, std::span<const int64_t> keys, std::span<RowId> rows) {
  std::vector<int64_t> others;
  std::vector<size_t> places;
  for (size_t i = 0; i < keys.size(); ++i)
    if (rows[i] == kNoRow) {
      others.push_back(keys[i]);
      places.push_back(i);
    }
  std::vector<RowId> found(others.size());
  table.find(others, found);
  for (size_t k = 0; k < places.size(); ++k) rows[places[k]] = found[k];
}

void make_missing(RowTable& table, std::span<const int64_t> keys, std::span<RowId> rows) {
  for (size_t i = 0; i < keys.size(); ++i)
    if (rows[i] == kNoRow) rows[i] = table.make(keys[i]);
}

}  // namespace trireme::ps
