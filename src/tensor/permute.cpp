// The memory order of a slot: to_stored and to_logical.
#include <cstring>

#include "tensor/slot_order.h"

namespace trireme {
namespace {

void copy_all(const Slot& slot, const float* from, float* to) {
  if (const auto n = static_cast<size_t>(slot.logical.elements())) {
    std::memcpy(to, from, n * sizeof(float));
  }
}

}  // namespace

void to_stored(const Slot& slot, const float* logical, float* stored) {
  if (slot.permutation.empty()) return copy_all(slot, logical, stored);
  for_each_run(slot, {0, slot.logical.elements()}, [&](const LogicalRun& run) {
    for (int64_t i = 0; i < run.length; ++i)
      stored[run.stored + i] = logical[run.logical + i * run.stride];
  });
}

void to_logical(const Slot& slot, const float* stored, float* logical) {
  if (slot.permutation.empty()) return copy_all(slot, stored, logical);
  for_each_run(slot, {0, slot.logical.elements()}, [&](const LogicalRun& run) {
    for (int64_t i = 0; i < run.length; ++i)
      logical[run.logical + i * run.stride] = stored[run.stored + i];
  });
}

}  // namespace trireme
