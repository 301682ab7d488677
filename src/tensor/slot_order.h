#pragma once
// Where the elements of a slot lie in its logical tensor.

#include <algorithm>
#include <array>
#include <cstdint>

#include "tensor/param_table.h"

namespace trireme {

// Elements [stored, stored + length) of the slot in memory, counted from its first: element
// stored + i is element logical + i * stride of the logical tensor.
struct LogicalRun {
  int64_t stored = 0, logical = 0, stride = 1, length = 0;
};

// Calls visit(LogicalRun) for runs that together are stored elements [range) of the slot, in their
// order; 0 <= range.begin <= range.end <= slot.count.
template <class Visit>
void for_each_run(const Slot& slot, Range range, Visit visit) {
  if (range.size() <= 0) return;
  if (slot.permutation.empty()) return visit(LogicalRun{range.begin, range.begin, 1, range.size()});
  // The stored order as a walk over the logical tensor: extent, logical stride and index of each
  // stored axis.
  const auto rank = static_cast<size_t>(slot.view.rank());
  std::array<int64_t, Shape::kMaxRank> of_view{}, extent{}, stride{}, at{};
  int64_t next = 1;
  for (size_t axis = rank; axis-- > 0; next *= slot.view[static_cast<int>(axis)])
    of_view[axis] = next;
  for (size_t i = 0; i < rank; ++i) {
    const int axis = slot.permutation[i];
    extent[i] = slot.view[axis];
    stride[i] = of_view[static_cast<size_t>(axis)];
  }
  int64_t logical = 0;
  for (size_t axis = rank, rest = static_cast<size_t>(range.begin); axis-- > 0;) {
    at[axis] = static_cast<int64_t>(rest) % extent[axis];
    rest /= static_cast<size_t>(extent[axis]);
    logical += at[axis] * stride[axis];
  }
  const size_t inner = rank - 1;
  for (int64_t stored = range.begin; stored < range.end;) {
    const int64_t length = std::min(extent[inner] - at[inner], range.end - stored);
    visit(LogicalRun{stored, logical, stride[inner], length});
    stored += length;
    logical -= at[inner] * stride[inner];
    at[inner] = 0;
    for (size_t axis = inner; axis-- > 0;) {
      logical += stride[axis];
      if (++at[axis] < extent[axis]) break;
      logical -= stride[axis] * extent[axis];
      at[axis] = 0;
    }
  }
}

}  // namespace trireme
