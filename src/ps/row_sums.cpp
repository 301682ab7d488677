#include "ps/row_sums.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "ps/merge_runs.h"

namespace trireme::ps {
namespace {

uint32_t first_leaf(const NodeRows& part) {
  return static_cast<uint32_t>(part.node.index) << part.node.level;
}

// How high the lowest node is that covers both.
int joined_at(const NodeRows& a, const NodeRows& b) {
  return std::bit_width(first_leaf(a) ^ first_leaf(b));
}

}  // namespace

std::span<const int64_t> within(const KeyRange& range, std::span<const int64_t> keys) {
  const auto first = std::ranges::lower_bound(keys, range.first);
  const auto last = range.open ? keys.end() : std::lower_bound(first, keys.end(), range.last);
  return {first, std::max(first, last)};
}

std::span<const int64_t> longest_keys(std::span<const NodeRows> rows) {
  std::span<const int64_t> longest;
  for (const NodeRows& one : rows)
    if (one.rows.keys.size() > longest.size()) longest = one.rows.keys;
  return longest;
}

KeyRange key_range(std::span<const int64_t> keys, int part, int parts) {
  KeyRange range;
  if (keys.empty()) {  // the last part has all there is
    if (part + 1 < parts) range = {INT64_MIN, INT64_MIN, false};
    return range;
  }
  const auto at = [&](int p) {
    return keys[keys.size() * static_cast<size_t>(p) / static_cast<size_t>(parts)];
  };
  if (part > 0) range.first = at(part);
  if (part + 1 < parts) range = {range.first, at(part + 1), false};
  return range;
}

void RowSums::collect(const KeyRange& range) {
  keys_.clear();
  size_t all = 0;
  bool placed = true;
  for (const NodeRows& part : parts_) {
    all += keys_.emplace_back(within(range, part.rows.keys)).size();
    placed = placed && part.places;
  }
  entries_.resize(all);
  if (placed) return place();
  ends_.clear();
  Entry* out = entries_.data();
  for (size_t p = 0; p < parts_.size(); ++p) {
    if (keys_[p].empty()) continue;
    uint32_t row = first_row(p);
    for (const int64_t key : keys_[p]) *out++ = {key, static_cast<uint32_t>(p), row++};
    ends_.push_back(static_cast<size_t>(out - entries_.data()));
  }
  merge_runs(entries_, ends_, spare_, [](const Entry& e) { return e.key; });
}

// Where the order of all keys is known nothing has to be compared: a counting sort by place.
void RowSums::place() {
  const auto each = [&](auto work) {
    for (size_t p = 0; p < parts_.size(); ++p)
      for (uint32_t i = 0, row = first_row(p); i < keys_[p].size(); ++i, ++row)
        work(parts_[p].places[row], Entry{keys_[p][i], static_cast<uint32_t>(p), row});
  };
  int32_t first = INT32_MAX, last = -1;
  for (size_t p = 0; p < parts_.size(); ++p) {
    if (keys_[p].empty()) continue;
    const int32_t* places = parts_[p].places + first_row(p);
    first = std::min(first, places[0]);
    last = std::max(last, places[keys_[p].size() - 1]);
  }
  if (last < 0) return;
  next_.assign(static_cast<size_t>(last - first) + 2, 0);
  each([&](int32_t place, const Entry&) { ++next_[static_cast<size_t>(place - first) + 1]; });
  for (size_t i = 1; i < next_.size(); ++i) next_[i] += next_[i - 1];
  each([&](int32_t place, const Entry& entry) {
    entries_[next_[static_cast<size_t>(place - first)]++] = entry;
  });
}

void RowSums::sum(std::span<const NodeRows> parts, const KeyRange& range, int64_t dim,
                  RowGradient& sum) {
  parts_ = parts;
  collect(range);
  size_t count = 0;
  for (size_t i = 0; i < entries_.size(); ++i)
    count += i == 0 || entries_[i].key != entries_[i - 1].key;
  sum.dim = dim;
  sum.keys.resize(count);
  sum.rows.resize(count * static_cast<size_t>(dim));
  float* out = sum.rows.data();
  size_t next = 0;
  for (size_t begin = 0; begin < entries_.size(); out += dim) {
    size_t end = begin + 1;
    while (end < entries_.size() && entries_[end].key == entries_[begin].key) ++end;
    sum.keys[next++] = entries_[begin].key;
    const float* first = row(entries_[begin]);
    const float* second = end - begin == 2 ? row(entries_[begin + 1]) : nullptr;
    if (second)
      for (int64_t e = 0; e < dim; ++e) out[e] = first[e] + second[e];
    else if (end - begin == 1)
      std::copy_n(first, dim, out);
    else
      add(std::span(entries_).subspan(begin, end - begin), dim, out);
    begin = end;
  }
}

// From left to right: what joins below the node where the next part comes in is added first. Of
// two neighbouring joins one is always higher than the other.
void RowSums::add(std::span<const Entry> same, int64_t dim, float* out) {
  const auto d = static_cast<size_t>(dim);
  open_.clear();
  if (partial_.size() < same.size() * d) partial_.resize(same.size() * d);
  const auto join_last = [&](float* into) {
    const Open right = open_.back();
    open_.pop_back();
    Open& left = open_.back();
    for (size_t e = 0; e < d; ++e) into[e] = left.row[e] + right.row[e];
    left = {right.part, into};
  };
  for (const Entry& entry : same) {
    const auto joins_below = [&](int level) {
      const NodeRows &left = parts_[open_[open_.size() - 2].part],
                     &right = parts_[open_.back().part];
      return joined_at(left, right) < level;
    };
    while (open_.size() > 1 &&
           joins_below(joined_at(parts_[open_.back().part], parts_[entry.part])))
      join_last(partial_.data() + (open_.size() - 2) * d);
    open_.push_back({entry.part, row(entry)});
  }
  while (open_.size() > 2) join_last(partial_.data() + (open_.size() - 2) * d);
  join_last(out);
}

}  // namespace trireme::ps
