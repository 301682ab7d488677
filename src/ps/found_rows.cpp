#include "ps/found_rows.h"

#include <algorithm>

namespace trireme::ps {

void take_known(const FoundRows& found, std::span<const int64_t> keys, std::span<RowId> rows) {
  if (keys.empty()) return;
  auto at =
      static_cast<size_t>(std::ranges::lower_bound(found.keys, keys.front()) - found.keys.begin());
  for (size_t i = 0; i < keys.size(); ++i) {
    while (at < found.keys.size() && found.keys[at] < keys[i]) ++at;
    if (at == found.keys.size()) return;
    if (found.keys[at] == keys[i] && found.rows[at] != kNoRow) rows[i] = found.rows[at];
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
