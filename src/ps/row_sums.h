#pragma once
// Row gradients of several nodes of the reduction tree, added up at a node above them all.

#include <cstdint>
#include <span>
#include <vector>

#include "ps/row_gradient.h"

namespace trireme::ps {

// Keys from `first` on, below `last`; the last of several ranges has no end.
struct KeyRange {
  int64_t first = INT64_MIN, last = INT64_MAX;
  bool open = true;  // `last` itself and above, too
};
// Those of `keys` (ascending) that lie in it.
std::span<const int64_t> within(const KeyRange& range, std::span<const int64_t> keys);
// Range `part` of `parts`, which together have every key: about equal parts of `keys` (ascending).
KeyRange key_range(std::span<const int64_t> keys, int part, int parts);
// Those of the longest, by which all of them are cut best.
std::span<const int64_t> longest_keys(std::span<const NodeRows> rows);

// Its memory is used again. Threads: each its own.
class RowSums {
 public:
  // sum: what `parts` (nodes ascending, disjoint but where they have other keys) hold of the keys
  // in `range`, left + right at every node of the tree that has both, so that it does not depend on
  // how leaves were dealt out to parts, nor on the range. sum.rows is none of theirs.
  void sum(std::span<const NodeRows> parts, const KeyRange& range, int64_t dim, RowGradient& sum);

 private:
  struct Entry {
    int64_t key;
    uint32_t part;  // of parts_
    uint32_t row;
  };
  const float* row(const Entry& entry) const {
    return parts_[entry.part].rows.row(static_cast<int64_t>(entry.row));
  }
  void collect(const KeyRange& range);
  void place();
  uint32_t first_row(size_t part) const {
    return static_cast<uint32_t>(keys_[part].data() - parts_[part].rows.keys.data());
  }
  void add(std::span<const Entry> same, int64_t dim, float* out);

  std::span<const NodeRows> parts_;  // of the call
  std::vector<Entry> entries_, spare_;
  std::vector<size_t> ends_;
  std::vector<std::span<const int64_t>> keys_;  // of each part, those of the range
  std::vector<uint32_t> next_;                  // by place: where its next entry goes
  struct Open {  // the sum of some parts that waits for what is to its right
    uint32_t part;
    const float* row;
  };
  std::vector<Open> open_;
  std::vector<float> partial_;  // [open_.size(), dim]
};

}  // namespace trireme::ps
