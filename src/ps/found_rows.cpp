#include "ps/found_rows.h"

namespace trireme::ps {
namespace {

void take_known(const FoundRows& found, std::span<const int64_t> keys, std::span<RowId> rows) {
  size_t at = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    while (at < found.keys.size() && found.keys[at] < keys[i]) ++at;
    if (at == found.keys.size()) return;
    if (found.keys[at] == keys[i] && found.rows[at] != kNoRow) rows[i] = found.rows[at];
  }
}

}  // namespace

void find_again(RowTable& table, std::span<const FoundRows> found, std::span<const int64_t> keys,
                bool makes, std::vector<RowId>& rows) {
  rows.assign(keys.size(), kNoRow);
  for (const FoundRows& one : found) take_known(one, keys, rows);
  std::vector<int64_t> others;
  std::vector<size_t> places;
  for (size_t i = 0; i < keys.size(); ++i)
    if (rows[i] == kNoRow) {
      others.push_back(keys[i]);
      places.push_back(i);
    }
  std::vector<RowId> looked_up(others.size());
  if (makes)
    table.find_or_create(others, looked_up);
  else
    table.find(others, looked_up);
  for (size_t k = 0; k < places.size(); ++k) rows[places[k]] = looked_up[k];
}

}  // namespace trireme::ps
