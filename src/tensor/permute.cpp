// The memory order of a slot: to_stored and to_logical.
#include <algorithm>
#include <array>
#include <cstring>

#include "tensor/param_table.h"

namespace trireme {
namespace {

// The stored order as a walk over the logical tensor: extent and logical stride of each stored
// axis.
struct Walk {
  int rank = 0;
  std::array<int64_t, Shape::kMaxRank> extent{}, stride{};
};

Walk walk_of(const Slot& slot) {
  Walk walk;
  walk.rank = slot.view.rank();
  std::array<int64_t, Shape::kMaxRank> stride{};
  int64_t next = 1;
  for (int axis = walk.rank - 1; axis >= 0; --axis) {
    stride[static_cast<size_t>(axis)] = next;
    next *= slot.view[axis];
  }
  for (size_t i = 0; i < static_cast<size_t>(walk.rank); ++i) {
    const int axis = slot.permutation[i];
    walk.extent[i] = slot.view[axis];
    walk.stride[i] = stride[static_cast<size_t>(axis)];
  }
  return walk;
}

// Calls visit(stored index, logical index, logical stride, length) for each innermost stored row.
template <class Visit>
void for_each_row(const Walk& walk, int64_t count, Visit visit) {
  const size_t inner = static_cast<size_t>(walk.rank) - 1;
  std::array<int64_t, Shape::kMaxRank> at{};
  int64_t logical = 0;
  for (int64_t stored = 0; stored < count; stored += walk.extent[inner]) {
    visit(stored, logical, walk.stride[inner], walk.extent[inner]);
    for (size_t axis = inner; axis-- > 0;) {
      logical += walk.stride[axis];
      if (++at[axis] < walk.extent[axis]) break;
      logical -= walk.stride[axis] * walk.extent[axis];
      at[axis] = 0;
    }
  }
}

void copy_all(const Slot& slot, const float* from, float* to) {
  if (const auto n = static_cast<size_t>(slot.logical.elements())) {
    std::memcpy(to, from, n * sizeof(float));
  }
}

}  // namespace

void to_stored(const Slot& slot, const float* logical, float* stored) {
  if (slot.permutation.empty()) return copy_all(slot, logical, stored);
  for_each_row(walk_of(slot), slot.logical.elements(),
               [&](int64_t at, int64_t from, int64_t stride, int64_t length) {
                 for (int64_t i = 0; i < length; ++i) stored[at + i] = logical[from + i * stride];
               });
}

void to_logical(const Slot& slot, const float* stored, float* logical) {
  if (slot.permutation.empty()) return copy_all(slot, stored, logical);
  for_each_row(walk_of(slot), slot.logical.elements(),
               [&](int64_t at, int64_t to, int64_t stride, int64_t length) {
                 for (int64_t i = 0; i < length; ++i) logical[to + i * stride] = stored[at + i];
               });
}

}  // namespace trireme
